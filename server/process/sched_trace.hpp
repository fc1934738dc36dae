// SPDX-License-Identifier: Apache-2.0
//
// A line in the error log every now and then that says how the workers of the whole server are doing, as Go's
// GODEBUG=schedtrace does, with the same names under both backends. Has a thread only if it is asked for.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "runtime/backend.hpp"
#include "server/pipeline/scoreboard.hpp"

namespace spindle::process {

/// The line. `earlier`: what was read `passed` ago; utilisation and delay are of the time between.
[[nodiscard]] std::string sched_trace_line(std::string_view backend, const pipeline::Scores& earlier,
                                           const pipeline::Scores& now, std::chrono::milliseconds age);

class SchedTrace {
  public:
    /// A line each `period`, none for 0.
    SchedTrace(std::chrono::nanoseconds period, const pipeline::Scoreboard& board, runtime::Backend& backend);

  private:
    void run(const std::stop_token& stop);
    void tell(pipeline::Scores& earlier, std::chrono::milliseconds age) noexcept;

    const std::chrono::nanoseconds period_;
    const pipeline::Scoreboard& board_;
    runtime::Backend& backend_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace spindle::process
