// SPDX-License-Identifier: Apache-2.0
//
// Time as this program counts it: nanoseconds of the monotonic clock.
#pragma once

#include <cstdint>
#include <ctime>

namespace probe {

using Nanoseconds = std::int64_t;
inline constexpr Nanoseconds kSecond = 1'000'000'000;

inline Nanoseconds now() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * kSecond + time.tv_nsec;
}

}  // namespace probe
