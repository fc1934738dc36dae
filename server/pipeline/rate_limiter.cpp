// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/rate_limiter.hpp"

#include <algorithm>
#include <array>
#include <new>

#include <sys/mman.h>

namespace spindle::pipeline {

RateLimiter::RateLimiter(std::uint64_t requests, Time period, std::uint64_t burst)
    : interval_(std::max<std::uint64_t>(1, static_cast<std::uint64_t>(period.count()) / requests)),
      tolerance_(interval_ * (std::max<std::uint64_t>(1, burst) - 1)),
      key_(SipKey::random()) {
    constexpr std::size_t kBytes = kRows * kPlaces * sizeof(Place);
    void* memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    places_ = static_cast<Place*>(memory);  // zeros, which is a time long past
}

RateLimiter::~RateLimiter() { ::munmap(static_cast<void*>(places_), kRows * kPlaces * sizeof(Place)); }

RateLimiter::Time RateLimiter::take(std::span<const unsigned char> client, Time time) noexcept {
    const auto now = static_cast<std::uint64_t>(time.count());
    const std::uint64_t hash = siphash(key_, client);
    const std::array<Place*, kRows> places{&place(0, hash), &place(1, hash)};
    const std::uint64_t found =
        std::min(places[0]->load(std::memory_order_relaxed), places[1]->load(std::memory_order_relaxed));
    const std::uint64_t due = std::max(found, now);
    if (due - now > tolerance_) return Time(due - now - tolerance_);
    // Two requests of one client at the same moment may count as one; a place never goes back.
    const std::uint64_t next = due + interval_;
    for (Place* one : places) {
        std::uint64_t seen = one->load(std::memory_order_relaxed);
        while (seen < next && !one->compare_exchange_weak(seen, next, std::memory_order_relaxed)) {
        }
    }
    return Time(0);
}

}  // namespace spindle::pipeline
