// SPDX-License-Identifier: Apache-2.0
#include "server/process/start_up.hpp"

#include <array>
#include <fstream>
#include <utility>

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "server/pipeline/descriptor_sink.hpp"

namespace spindle::process {
namespace {

/// Beside connections: listeners, rings, logs, files that are being read.
constexpr std::uint64_t kOtherDescriptors = 256;

spdlog::level::level_enum level_of(config::LogLevel level) {
    using enum spdlog::level::level_enum;
    constexpr std::array levels{trace, debug, info, warn, err, off};
    return levels[static_cast<std::size_t>(level)];
}

std::string_view why_forbidden(const RingCircumstances& here) {
    if (here.disabled == "2") return "sysctl kernel.io_uring_disabled is 2, which forbids it to all: set it to 0";
    if (here.disabled == "1" && !here.privileged) {
        return "sysctl kernel.io_uring_disabled is 1, which allows it to CAP_SYS_ADMIN and the group "
               "kernel.io_uring_group only: set it to 0, or let this user be of that group";
    }
    if (here.filtered) {
        return "a seccomp filter forbids it, as those of containers do: use a profile that allows io_uring "
               "(docker run --security-opt seccomp=unconfined)";
    }
    return "a security module of this system forbids it";
}

std::string advice_of(int error, const RingCircumstances& here) {
    switch (error) {
        case EPERM:
        case EACCES: return std::string(why_forbidden(here));
        case ENOSYS:
            if (here.filtered) return std::string(why_forbidden({.filtered = true}));
            return fmt::format("this kernel ({}) has none: Linux 6.1 or newer, built with CONFIG_IO_URING, is needed",
                               here.kernel);
        case EINVAL: return fmt::format("this kernel's ({}) is too old: Linux 6.1 or newer is needed", here.kernel);
        case ENOMEM: return "memory is short, or RLIMIT_MEMLOCK (ulimit -l) too low: a ring needs about 160 KiB of it";
        case EMFILE:
        case ENFILE: return "there are no descriptors left: raise RLIMIT_NOFILE (ulimit -n)";
        default: return "see io_uring_setup(2)";
    }
}

}  // namespace

std::expected<void, std::string> open_error_log(const config::Log& log) {
    auto sink = pipeline::DescriptorSink::open(log.error_path);
    if (!sink) return std::unexpected(sink.error());
    auto logger = std::make_shared<spdlog::logger>("spindle", *sink);
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %l [%P] %v");
    logger->set_level(level_of(log.level));
    spdlog::set_default_logger(std::move(logger));
    return {};
}

void reopen_error_log() {
    for (const auto& sink : spdlog::default_logger()->sinks()) {
        const auto ours = std::dynamic_pointer_cast<pipeline::DescriptorSink>(sink);
        if (ours != nullptr) ours->reopen();
    }
}

void raise_descriptor_limit(std::uint64_t connections) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    const rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
    if (before != limit.rlim_max && ::setrlimit(RLIMIT_NOFILE, &limit) == 0)
        spdlog::info("may open {} files: the soft limit was {}", limit.rlim_cur, before);
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= connections + kOtherDescriptors) return;
    spdlog::warn(
        "limits.connections wants {} in a process, which may open only {} files: raise its hard limit "
        "(ulimit -Hn, LimitNOFILE= of systemd), or lower limits.connections",
        connections, limit.rlim_cur);
}

RingCircumstances ring_circumstances() {
    RingCircumstances here;
    utsname names{};
    if (::uname(&names) == 0) here.kernel = names.release;
    std::ifstream("/proc/sys/kernel/io_uring_disabled") >> here.disabled;
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("Seccomp:")) here.filtered = line.ends_with('2');
    }
    here.privileged = ::geteuid() == 0;
    return here;
}

std::string explain_ring_failure(runtime::Error error, const RingCircumstances& here) {
    return fmt::format("cannot set up io_uring: {}: {}", error.message(), advice_of(error.code, here));
}

}  // namespace spindle::process
