// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/scoreboard.hpp"

namespace spindle::pipeline {

namespace {

Score score_of(const runtime::WorkerCounters& runtime, const PipelineCounters& pipeline) {
    Score score{.figures = runtime::read_figures(runtime),
                .requests = pipeline.requests.read(),
                .handler_errors = pipeline.handler_errors.read(),
                .access_log_lost = pipeline.access_log_lost.read()};
    for (std::size_t i = 0; i < kReasons; ++i) score.by_reason[i] = pipeline.by_reason[i].read();
    return score;
}

}  // namespace

void PipelineCounters::absorb(const PipelineCounters& dead) noexcept {
    requests.add(dead.requests.read());
    handler_errors.add(dead.handler_errors.read());
    access_log_lost.add(dead.access_log_lost.read());
    for (std::size_t i = 0; i < kReasons; ++i) by_reason[i].add(dead.by_reason[i].read());
}

std::uint64_t Score::refused() const noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kReasons; ++i) sum += refuses_request(static_cast<Reason>(i)) ? by_reason[i] : 0;
    return sum;
}

Score& Score::operator+=(const Score& other) {
    figures += other.figures;
    requests += other.requests;
    handler_errors += other.handler_errors;
    access_log_lost += other.access_log_lost;
    for (std::size_t i = 0; i < kReasons; ++i) by_reason[i] += other.by_reason[i];
    return *this;
}

void Scoreboard::retire(unsigned worker) {
    runtime_.retire(worker);
    pipeline_.retire(worker);
}

Scores Scoreboard::read() const {
    Scores scores;
    scores.total = score_of(runtime_.departed(), pipeline_.departed());
    for (unsigned worker = 0; worker < runtime_.size(); ++worker)
        scores.total += scores.workers.emplace_back(score_of(runtime_[worker], pipeline_[worker]));
    return scores;
}

}  // namespace spindle::pipeline
