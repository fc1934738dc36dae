// SPDX-License-Identifier: Apache-2.0
//
// Wires the pieces: command line, configuration, listeners, routes, and one worker or a supervisor of many.
#include <csignal>
#include <cstdio>
#include <optional>

#include <spdlog/spdlog.h>

#include "config/command_line.hpp"
#include "config/dump.hpp"
#include "config/loader.hpp"
#include "runtime/cycle_clock.hpp"
#include "server/handlers/registry.hpp"
#include "server/pipeline/address_counts.hpp"
#include "server/pipeline/scoreboard.hpp"
#include "server/process/listeners.hpp"
#include "server/process/start_up.hpp"
#include "server/process/stop_signals.hpp"
#include "server/process/supervisor.hpp"
#include "server/process/worker.hpp"

namespace {

using namespace spindle;

constexpr int kCannotRun = 1;
constexpr int kBadConfiguration = 78;  // EX_CONFIG of sysexits.h

int fail(int code, const std::string& why) {
    std::fprintf(stderr, "spindle: %s\n", why.c_str());
    return code;
}

int print(const std::string& text) {
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    return written ? 0 : fail(kCannotRun, "cannot write to standard output");
}

void announce(const config::Config& config, const process::Listeners& listeners) {
    const bool fiber = config.concurrency.backend == config::Backend::fiber;
    for (const std::string& url : listeners.urls()) spdlog::info("listening on {}", url);
    if (fiber) {
        spdlog::info("backend fiber, {} processors; stop with Ctrl-C or SIGTERM", config.concurrency.fiber.processors);
    } else {
        spdlog::info("backend event_loop, {} processes; stop with Ctrl-C or SIGTERM",
                     config.concurrency.event_loop.processes);
    }
}

int serve(const config::Config& config) {
    if (const auto opened = process::open_error_log(config.log); !opened) return fail(kCannotRun, opened.error());
    process::raise_descriptor_limit(process::connections_of_a_process(config));

    const bool fiber = config.concurrency.backend == config::Backend::fiber;
    const unsigned processes = fiber ? 1 : config.concurrency.event_loop.processes;
    const unsigned workers = fiber ? config.concurrency.fiber.processors : processes;
    // Before any thread and any fork, so that all processes have the same.
    runtime::CycleClock::calibrate();
    pipeline::Scoreboard board(workers);
    std::optional<pipeline::AddressCounts> addresses;
    if (config.limits.connections_per_address != 0) addresses.emplace(processes, config.limits.connections_per_address);
    const auto sites = handlers::make_sites(config, board);
    if (!sites) return fail(kBadConfiguration, sites.error());
    const auto listeners = process::Listeners::open(config.listen, fiber ? 0 : processes);
    if (!listeners) return fail(kCannotRun, listeners.error());
    const auto access_log = pipeline::AccessLog::open(config.log, board);
    if (!access_log) return fail(kCannotRun, access_log.error());

    const auto reopen_logs = [&] {
        process::reopen_error_log();
        (*access_log)->reopen();
    };
    const auto run = [&](unsigned number, const std::function<void()>& on_ready) {
        return process::run_worker({.config = config,
                                    .sites = *sites,
                                    .access_log = **access_log,
                                    .board = board,
                                    .addresses = addresses ? &*addresses : nullptr,
                                    .listeners = listeners->of(number),
                                    .configured = listeners->configured(),
                                    .number = number,
                                    .supervised = processes > 1,
                                    .on_ready = on_ready,
                                    .reopen_logs = reopen_logs});
    };
    const auto on_ready = [&] { announce(config, *listeners); };
    if (processes == 1) return run(0, on_ready);
    const auto on_death = [&](unsigned number) {
        board.retire(number);
        if (addresses) addresses->forget(number);
    };
    return process::supervise(
        {.processes = processes, .run = run, .on_death = on_death, .on_ready = on_ready, .reopen_logs = reopen_logs});
}

}  // namespace

int main(int argc, char** argv) {
    process::block_watched_signals();
    // A client that is gone is an error of the write, not the end of the server.
    std::signal(SIGPIPE, SIG_IGN);

    const auto line = config::parse_command_line(argc, argv, SPINDLE_VERSION);
    if (!line) {
        if (line.error().code == 0) return print(line.error().text);
        std::fputs(line.error().text.c_str(), stderr);
        return line.error().code;
    }
    using enum config::CommandLine::Action;
    if (line->action == options) return print(config::options_reference());

    const auto config = config::load(line->file, line->overrides, handlers::known_names());
    if (!config) {
        std::fputs(config.error().c_str(), stderr);
        return kBadConfiguration;
    }
    if (line->action == dump) return print(config::dump(*config));
    if (line->action == test) {
        if (!line->quiet) std::fprintf(stderr, "%s: the configuration is right\n", line->file.c_str());
        return 0;
    }
    const int code = ::serve(*config);
    spdlog::shutdown();
    return code;
}
