// SPDX-License-Identifier: Apache-2.0
//
// What the error log says of handlers that hold their worker too long: when it is noticed (with where the
// loop is, if that is known), and when it is over (with how long it took). One line of each kind a second
// and route; the next one says how many were left out.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "runtime/backend.hpp"

namespace spindle::pipeline {

/// Lets one of a kind through in each period.
class RateLimit {
  public:
    using Clock = std::chrono::steady_clock;

    explicit RateLimit(Clock::duration period) : period_(period) {}

    /// How many of `key` were left out since the last one that was let through, if this one is; any thread.
    [[nodiscard]] std::optional<std::uint64_t> pass(const std::string& key, Clock::time_point now);

  private:
    struct Seen {
        Clock::time_point last;
        std::uint64_t left_out = 0;
    };
    const Clock::duration period_;
    std::mutex mutex_;
    std::map<std::string, Seen, std::less<>> seen_;  // by mutex_; as many as there are routes
};

class StallLog {
  public:
    /// Any thread.
    void noticed(const runtime::Stall& stall) noexcept;
    void ended(const runtime::Stall& stall) noexcept;

  private:
    void tell_noticed(const runtime::Stall& stall);
    void tell_ended(const runtime::Stall& stall);

    RateLimit noticed_{std::chrono::seconds(1)};
    RateLimit ended_{std::chrono::seconds(1)};
};

}  // namespace spindle::pipeline
