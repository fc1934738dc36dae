// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/scoreboard.hpp"

namespace spindle::pipeline {

namespace {

Score score_of(const runtime::WorkerCounters& runtime, const PipelineCounters& pipeline) {
    return {.figures = runtime::read_figures(runtime),
            .requests = pipeline.requests.read(),
            .handler_errors = pipeline.handler_errors.read(),
            .refused = pipeline.refused.read(),
            .proxy_headers_refused = pipeline.proxy_headers_refused.read(),
            .proxies_untrusted = pipeline.proxies_untrusted.read()};
}

}  // namespace

void PipelineCounters::absorb(const PipelineCounters& dead) noexcept {
    requests.add(dead.requests.read());
    handler_errors.add(dead.handler_errors.read());
    refused.add(dead.refused.read());
    proxy_headers_refused.add(dead.proxy_headers_refused.read());
    proxies_untrusted.add(dead.proxies_untrusted.read());
}

Score& Score::operator+=(const Score& other) {
    figures += other.figures;
    requests += other.requests;
    handler_errors += other.handler_errors;
    refused += other.refused;
    proxy_headers_refused += other.proxy_headers_refused;
    proxies_untrusted += other.proxies_untrusted;
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
