// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace spindle::runtime {

/// The kernel has put `thread` (gettid()) of this process to sleep, and it does not merely wait for its turn on a CPU
/// (state S or D of /proc/self/task/TID/stat). True if that cannot be read. Some microseconds.
[[nodiscard]] bool is_asleep(int thread) noexcept;

}  // namespace spindle::runtime
