// SPDX-License-Identifier: Apache-2.0
//
// How long the kernel's scheduler (EEVDF, Linux 6.6; a slice of one's own 6.12) lets a thread run before another
// one's turn, and with it how soon the thread gets its turn when it wakes. Machines ask for short slices: beside two
// threads that compute, one that wakes then runs after 76 us instead of 3.6 ms (p99). Needs no privilege and leaves
// the nice value; older kernels ignore it.
//
// Rejected: long slices for machines whose handler is stuck. Beside sixteen of them a request then took 240 ms (p99)
// instead of 3, since a thread that has begun its slice is let run to its end.
#pragma once

#include <chrono>

namespace spindle::runtime {

inline constexpr std::chrono::microseconds kMachineSlice{200};

/// Of the calling thread. Errors are ignored: it is advice.
void set_thread_slice(std::chrono::nanoseconds slice) noexcept;

}  // namespace spindle::runtime
