// SPDX-License-Identifier: Apache-2.0
//
// The figures of all workers of the server, in all its processes: made once, before any process is forked;
// each worker writes its slots, everyone may read all. The only place that adds them up.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "runtime/backend.hpp"
#include "runtime/counter.hpp"
#include "runtime/figures.hpp"
#include "runtime/shared_slots.hpp"
#include "server/pipeline/reason.hpp"

namespace spindle::pipeline {

/// Of one worker, beside what its backend counts.
struct PipelineCounters {
    runtime::Counter requests;
    runtime::Counter handler_errors;                     ///< exceptions out of handlers
    runtime::SharedCounter access_log_lost;              ///< lines; whoever flushes may write it
    std::array<runtime::Counter, kReasons> by_reason{};  ///< what was refused or cut off

    void count(Reason reason) noexcept { by_reason[static_cast<std::size_t>(reason)].add(); }
    void absorb(const PipelineCounters& dead) noexcept;
};

/// What was read of one worker, or of several.
struct Score {
    runtime::Figures figures;
    std::uint64_t requests = 0;
    std::uint64_t handler_errors = 0;
    std::uint64_t access_log_lost = 0;
    std::array<std::uint64_t, kReasons> by_reason{};

    /// Requests that were.
    [[nodiscard]] std::uint64_t refused() const noexcept;

    Score& operator+=(const Score& other);
};

struct Scores {
    std::vector<Score> workers;
    Score total;  ///< with those that were replaced
};

class Scoreboard {
  public:
    explicit Scoreboard(unsigned workers) : runtime_(workers), pipeline_(workers) {}

    [[nodiscard]] runtime::CounterSlots& runtime() noexcept { return runtime_; }
    [[nodiscard]] runtime::SharedSlots<PipelineCounters>& pipeline() noexcept { return pipeline_; }

    /// What a worker that died has counted goes on to count in the total; its slot is for the one that replaces it.
    void retire(unsigned worker);

    /// Any thread of any process. Each number is right, but not all are of the same moment.
    [[nodiscard]] Scores read() const;

  private:
    runtime::CounterSlots runtime_;
    runtime::SharedSlots<PipelineCounters> pipeline_;
};

}  // namespace spindle::pipeline
