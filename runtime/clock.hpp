// SPDX-License-Identifier: Apache-2.0
//
// The clock that reactors keep: nanoseconds of CLOCK_MONOTONIC.
#pragma once

#include <cstdint>
#include <ctime>

namespace spindle::runtime {

/// Any thread; async-signal-safe. About 20 ns: where a reactor is at hand, its now() is cheaper.
[[nodiscard]] inline std::uint64_t monotonic_now() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace spindle::runtime
