// SPDX-License-Identifier: Apache-2.0
//
// Time as this program counts it: nanoseconds of the monotonic clock, and of its own CPU time.
#pragma once

#include <cstdint>
#include <ctime>

namespace probe {

using Nanoseconds = std::int64_t;
inline constexpr Nanoseconds kSecond = 1'000'000'000;

inline Nanoseconds read(clockid_t clock) noexcept {
    timespec time{};
    ::clock_gettime(clock, &time);
    return time.tv_sec * kSecond + time.tv_nsec;
}

inline Nanoseconds now() noexcept { return read(CLOCK_MONOTONIC); }
inline Nanoseconds used() noexcept { return read(CLOCK_PROCESS_CPUTIME_ID); }

}  // namespace probe
