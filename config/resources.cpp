// SPDX-License-Identifier: Apache-2.0
#include "config/resources.hpp"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <sched.h>

namespace spindle::config {
namespace {

namespace fs = std::filesystem;

struct Quota {
    long long microseconds;  ///< of each period; <= 0: unlimited
    long long period;
};

std::optional<Quota> read_v2(const fs::path& group) {
    std::ifstream file(group / "cpu.max");
    std::string quota;
    long long period = 0;
    if (!(file >> quota >> period) || quota == "max") return {};
    return Quota{std::strtoll(quota.c_str(), nullptr, 10), period};
}

std::optional<Quota> read_v1(const fs::path& group) {
    Quota quota{};
    std::ifstream microseconds(group / "cpu.cfs_quota_us");
    std::ifstream period(group / "cpu.cfs_period_us");
    if (!(microseconds >> quota.microseconds) || !(period >> quota.period)) return {};
    return quota;
}

/// The least of a group and those above it: each of them limits.
unsigned least(fs::path group, const fs::path& mount, std::optional<Quota> (*read)(const fs::path&)) {
    unsigned cpus = 0;
    while (true) {
        const auto quota = read(group);
        if (quota && quota->microseconds > 0 && quota->period > 0) {
            const auto here = static_cast<unsigned>((quota->microseconds + quota->period - 1) / quota->period);
            cpus = cpus == 0 ? here : std::min(cpus, here);
        }
        if (group == mount || !group.has_relative_path()) return cpus;
        group = group.parent_path();
    }
}

unsigned affinity_cpus() {
    for (std::size_t cpus = 1024; cpus <= 1 << 16; cpus *= 2) {
        std::vector<cpu_set_t> set(CPU_ALLOC_SIZE(cpus) / sizeof(cpu_set_t));
        const std::size_t bytes = set.size() * sizeof(cpu_set_t);
        if (::sched_getaffinity(0, bytes, set.data()) == 0) {
            return static_cast<unsigned>(CPU_COUNT_S(bytes, set.data()));
        }
    }
    return 1;
}

}  // namespace

unsigned cgroup_cpus(const fs::path& proc_cgroup, const fs::path& mount) {
    unsigned cpus = 0;
    const auto consider = [&](unsigned found) {
        if (found != 0) cpus = cpus == 0 ? found : std::min(cpus, found);
    };
    std::ifstream file(proc_cgroup);
    for (std::string line; std::getline(file, line);) {  // "0::/a/b" or "4:cpu,cpuacct:/a/b"
        const std::size_t first = line.find(':');
        const std::size_t second = line.find(':', first + 1);
        if (first == line.npos || second == line.npos) continue;
        const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
        const fs::path group = fs::path(line.substr(second + 1)).relative_path();
        if (controllers == ",,") consider(least(mount / group, mount, read_v2));
        if (controllers.find(",cpu,") != controllers.npos)
            consider(least(mount / "cpu" / group, mount / "cpu", read_v1));
    }
    return cpus;
}

unsigned usable_cpus() {
    const unsigned allowed = std::max(1U, affinity_cpus());
    const unsigned quota = cgroup_cpus("/proc/self/cgroup", "/sys/fs/cgroup");
    return quota == 0 ? allowed : std::min(allowed, quota);
}

}  // namespace spindle::config
