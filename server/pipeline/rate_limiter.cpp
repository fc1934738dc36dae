// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/rate_limiter.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include <sys/mman.h>
#include <sys/random.h>

namespace spindle::pipeline {

namespace {

constexpr std::uint64_t rotated(std::uint64_t x, int bits) noexcept { return x << bits | x >> (64 - bits); }

/// SipHash-1-3 (Aumasson and Bernstein, 2012; the variant of Rust's and Python's tables) of up to 16 bytes.
std::uint64_t siphash(const std::uint64_t (&key)[2], std::span<const unsigned char> bytes) noexcept {
    std::uint64_t v0 = key[0] ^ 0x736f6d6570736575;
    std::uint64_t v1 = key[1] ^ 0x646f72616e646f6d;
    std::uint64_t v2 = key[0] ^ 0x6c7967656e657261;
    std::uint64_t v3 = key[1] ^ 0x7465646279746573;
    const auto round = [&] {
        v0 += v1, v1 = rotated(v1, 13) ^ v0, v0 = rotated(v0, 32);
        v2 += v3, v3 = rotated(v3, 16) ^ v2;
        v0 += v3, v3 = rotated(v3, 21) ^ v0;
        v2 += v1, v1 = rotated(v1, 17) ^ v2, v2 = rotated(v2, 32);
    };
    const std::size_t size = bytes.size();
    while (bytes.size() >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data(), 8);
        v3 ^= word;
        round();
        v0 ^= word;
        bytes = bytes.subspan(8);
    }
    std::uint64_t last = static_cast<std::uint64_t>(size) << 56;
    std::memcpy(&last, bytes.data(), bytes.size());
    v3 ^= last;
    round();
    v0 ^= last;
    v2 ^= 0xff;
    for (int i = 0; i < 3; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace

RateLimiter::RateLimiter(std::uint64_t requests, Time period, std::uint64_t burst)
    : interval_(std::max<std::uint64_t>(1, static_cast<std::uint64_t>(period.count()) / requests)),
      tolerance_(interval_ * (std::max<std::uint64_t>(1, burst) - 1)),
      key_{} {
    (void)!::getrandom(key_, sizeof key_, 0);
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
