// SPDX-License-Identifier: Apache-2.0
//
// A process that serves: makes the backend that the configuration names (nobody else asks which), runs the
// pipeline on it until it is drained, and says what was left.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "config/config.hpp"
#include "server/pipeline/access_log.hpp"
#include "server/pipeline/address_counts.hpp"
#include "server/pipeline/handler.hpp"
#include "server/pipeline/scoreboard.hpp"
#include "server/pipeline/site.hpp"

namespace spindle::process {

struct Worker {
    const config::Config& config;
    const pipeline::Sites& sites;
    pipeline::AccessLog& access_log;
    pipeline::Scoreboard& board;
    pipeline::AddressCounts* addresses;  ///< null: nobody counts them
    std::span<const int> listeners;
    std::span<const std::size_t> configured;  ///< for each, which of config.listen it is
    unsigned number = 0;                      ///< among its siblings
    bool supervised = false;
    std::function<void()> on_ready;
    std::function<void()> reopen_logs;  ///< of this process, when a signal asks for it
};

/// A process' part of limits.connections; rounded up, so that it is never 0.
[[nodiscard]] std::uint64_t connections_of_a_process(const config::Config& config) noexcept;

/// Until a stop signal has drained it. The exit code of the process.
[[nodiscard]] int run_worker(const Worker& worker);

}  // namespace spindle::process
