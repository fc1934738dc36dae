// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/thread_slice.hpp"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace spindle::runtime {

namespace {

// struct sched_attr of linux/sched/types.h, which does not get along with glibc's sched.h.
struct SchedulingAttributes {
    std::uint32_t size = sizeof(SchedulingAttributes);
    std::uint32_t policy = 0;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime = 0;  // ns: the slice
    std::uint64_t deadline = 0;
    std::uint64_t period = 0;
};

}  // namespace

// Read first, so that all else stays: the nice value, flags, and any other policy that somebody gave the process.
void set_thread_slice(std::chrono::nanoseconds slice) noexcept {
    SchedulingAttributes attributes;
    if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
    if (attributes.policy != SCHED_OTHER) return;
    attributes.runtime = static_cast<std::uint64_t>(slice.count());
    ::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace spindle::runtime
