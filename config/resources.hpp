// SPDX-License-Identifier: Apache-2.0
//
// What "auto" means.
#pragma once

#include <filesystem>

namespace spindle::config {

/// CPUs this process may keep busy: its affinity mask, or less when a cgroup's CPU quota (v2 cpu.max or
/// v1 cpu.cfs_quota_us, of its own group or one above) allows less, rounded up. At least 1.
[[nodiscard]] unsigned usable_cpus();

/// The quota part: CPUs, 0 for no quota. `proc_cgroup` is /proc/self/cgroup, `mount` is /sys/fs/cgroup.
[[nodiscard]] unsigned cgroup_cpus(const std::filesystem::path& proc_cgroup, const std::filesystem::path& mount);

}  // namespace spindle::config
