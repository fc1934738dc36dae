// SPDX-License-Identifier: Apache-2.0
//
// What a process needs before it serves: its error log, its descriptors, and words for what the kernel refuses.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "config/config.hpp"
#include "runtime/error.hpp"

namespace spindle::process {

/// spdlog's default logger as [log] says. The error is one line.
[[nodiscard]] std::expected<void, std::string> open_error_log(const config::Log& log);

/// Goes on in the file that has its path now. Any thread.
void reopen_error_log();

/// Raises RLIMIT_NOFILE as far as the hard limit allows; warns when `connections` do not fit.
void raise_descriptor_limit(std::uint64_t connections);

/// What else is to be known when the kernel refuses a ring.
struct RingCircumstances {
    std::string kernel = {};    ///< its release, "6.12.1"
    std::string disabled = {};  ///< sysctl kernel.io_uring_disabled; empty where the kernel has none (before 6.6)
    bool filtered = false;      ///< this process stands under a seccomp filter
    bool privileged = true;     ///< runs as root
};
[[nodiscard]] RingCircumstances ring_circumstances();

/// Why the ring could not be set up, and what to do: one line.
[[nodiscard]] std::string explain_ring_failure(runtime::Error error, const RingCircumstances& here);

}  // namespace spindle::process
