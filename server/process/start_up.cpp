// SPDX-License-Identifier: Apache-2.0
#include "server/process/start_up.hpp"

#include <array>

#include <sys/resource.h>

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

void raise_descriptor_limit(std::uint64_t connections) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= connections + kOtherDescriptors) return;
    spdlog::warn(
        "limits.connections is {}, but a process may open only {} files: raise its hard limit "
        "(ulimit -Hn, LimitNOFILE= of systemd), or lower limits.connections",
        connections, limit.rlim_cur);
}

std::string explain_ring_failure(runtime::Error error) {
    std::string_view advice;
    switch (error.code) {
        case EPERM:
        case EACCES:
            advice =
                "it is forbidden here: set sysctl kernel.io_uring_disabled=0, or, in a container, use a seccomp "
                "profile that allows io_uring (docker run --security-opt seccomp=unconfined)";
            break;
        case ENOSYS: advice = "this kernel has none: Linux 6.1 or newer, built with CONFIG_IO_URING, is needed"; break;
        case EINVAL: advice = "this kernel's is too old: Linux 6.1 or newer is needed"; break;
        case ENOMEM: advice = "memory is short, or RLIMIT_MEMLOCK (ulimit -l) too low"; break;
        case EMFILE:
        case ENFILE: advice = "there are no descriptors left: raise RLIMIT_NOFILE (ulimit -n)"; break;
        default: advice = "see io_uring_setup(2)"; break;
    }
    return fmt::format("cannot set up io_uring: {}: {}", error.message(), advice);
}

}  // namespace spindle::process
