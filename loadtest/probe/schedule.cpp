// SPDX-License-Identifier: Apache-2.0
#include "loadtest/probe/schedule.hpp"

#include <cstdint>

#include <sys/syscall.h>
#include <unistd.h>

namespace probe {
namespace {

/// sched_setattr(2); Debian 12's C library does not declare it.
struct Attributes {
    std::uint32_t size;
    std::uint32_t policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime;  ///< the slice, for the normal policy
    std::uint64_t deadline;
    std::uint64_t period;
};
constexpr std::uint64_t kSlice = 100'000;

}  // namespace

bool ask_for_short_slice() noexcept {
    Attributes attributes{};
    if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return false;
    attributes.size = sizeof attributes;
    attributes.runtime = kSlice;
    if (::syscall(SYS_sched_setattr, 0, &attributes, 0) != 0) return false;
    Attributes taken{};
    return ::syscall(SYS_sched_getattr, 0, &taken, sizeof taken, 0) == 0 && taken.runtime == kSlice;
}

}  // namespace probe
