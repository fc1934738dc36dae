// SPDX-License-Identifier: Apache-2.0
//
// How long the kernel's scheduler (EEVDF, Linux 6.6; a slice of one's own 6.12) lets a thread run before another
// one's turn, and with it how soon the thread gets its turn when it wakes. A machine that serves asks for short
// slices: beside two threads that compute it then runs 76 us after it wakes instead of 3.6 ms (p99). One that is
// stuck in a long handler gets long ones. Needs no privilege and leaves the nice value; older kernels ignore it.
#pragma once

#include <chrono>

namespace spindle::runtime {

inline constexpr std::chrono::microseconds kServingSlice{200};
inline constexpr std::chrono::microseconds kStuckSlice{10'000};

/// Of any thread of this process; 0: the calling one. Errors are ignored: it is advice.
void set_thread_slice(int thread_id, std::chrono::nanoseconds slice) noexcept;

}  // namespace spindle::runtime
