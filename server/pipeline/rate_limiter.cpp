// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/rate_limiter.hpp"

#include <algorithm>
#include <array>
#include <atomic>

namespace spindle::pipeline {

RateLimiter::RateLimiter(std::uint64_t requests, Time period, std::uint64_t burst)
    : interval_(std::max<std::uint64_t>(1, static_cast<std::uint64_t>(period.count()) / requests)),
      tolerance_(interval_ * (std::max<std::uint64_t>(1, burst) - 1)),
      sketch_(1) {}

RateLimiter::Time RateLimiter::take(Client client, Time time) noexcept {
    const auto now = static_cast<std::uint64_t>(time.count());
    const std::uint64_t hash = sketch_.hash(client);
    const std::array places{&sketch_.place(0, 0, hash), &sketch_.place(0, 1, hash)};
    const std::uint64_t found =
        std::min(places[0]->load(std::memory_order_relaxed), places[1]->load(std::memory_order_relaxed));
    const std::uint64_t due = std::max(found, now);
    if (due - now > tolerance_) return Time(due - now - tolerance_);
    // Two requests of one client at the same moment may count as one; a place never goes back.
    const std::uint64_t next = due + interval_;
    for (auto* one : places) {
        std::uint64_t seen = one->load(std::memory_order_relaxed);
        while (seen < next && !one->compare_exchange_weak(seen, next, std::memory_order_relaxed)) {
        }
    }
    return Time(0);
}

}  // namespace spindle::pipeline
