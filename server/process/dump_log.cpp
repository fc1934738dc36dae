// SPDX-License-Identifier: Apache-2.0
#include "server/process/dump_log.hpp"

#include <new>
#include <string>
#include <string_view>

#include <spdlog/sinks/sink.h>
#include <spdlog/spdlog.h>

namespace spindle::process {
namespace {

// By the sinks: the logger itself would leave out what is below its level.
void log_always(std::string_view line) {
    spdlog::logger& logger = *spdlog::default_logger_raw();
    std::string text("dump: ");
    text.append(line);
    const spdlog::details::log_msg message(logger.name(), spdlog::level::info, text);
    for (const auto& sink : logger.sinks()) sink->log(message);
}

}  // namespace

void write_dump(runtime::Backend& backend) noexcept {
    try {
        log_always(std::string("backend ") + backend.name());
        backend.dump(log_always);
        log_always("end of dump");
    } catch (const std::bad_alloc&) {
        spdlog::error("the dump ends here: there is no memory for more of it");
    }
}

}  // namespace spindle::process
