// SPDX-License-Identifier: Apache-2.0
#include "server/process/sched_trace.hpp"

#include <algorithm>
#include <new>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace spindle::process {

namespace {

std::string queues_of(const pipeline::Scores& scores) {
    std::string text;
    for (const pipeline::Score& worker : scores.workers)
        text += fmt::format("{}{}", text.empty() ? "" : " ", worker.figures.runnable);
    return text;
}

double utilisation(const runtime::Figures& earlier, const runtime::Figures& now) {
    if (now.elapsed <= earlier.elapsed || now.busy <= earlier.busy) return 0;
    return std::min(1.0,
                    static_cast<double>(now.busy - earlier.busy) / static_cast<double>(now.elapsed - earlier.elapsed));
}

}  // namespace

std::string sched_trace_line(std::string_view backend, const pipeline::Scores& earlier, const pipeline::Scores& now,
                             std::chrono::milliseconds age) {
    const runtime::Figures& all = now.total.figures;
    const std::uint64_t at_rest = std::min(all.threads, all.threads_idle + all.threads_stuck);
    const runtime::HistogramReading delay = all.delay.since(earlier.total.figures.delay);
    return fmt::format(
        "SCHED {}ms: backend={} workers={} utilisation={:.2f} threads={} running={} stuck={} idle={} "
        "runqueue={} [{}] blocking={} steals={} handoffs={} stalls={} refused={} connections={} requests={} "
        "delay_p99={}us stuck_routes={}",
        age.count(), backend, now.workers.size(), utilisation(earlier.total.figures, all), all.threads,
        all.threads - at_rest, all.threads_stuck, all.threads_idle, all.global_queue, queues_of(now),
        all.blocking_queued, all.steals, all.handoffs, all.stalls, all.blocking_refused, all.connections,
        now.total.requests, delay.quantile(0.99) / 1000, all.stuck_routes.empty() ? "-" : all.stuck_routes);
}

SchedTrace::SchedTrace(std::chrono::nanoseconds period, const pipeline::Scoreboard& board, runtime::Backend& backend)
    : period_(period), board_(board), backend_(backend) {
    if (period.count() > 0) thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void SchedTrace::run(const std::stop_token& stop) {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point began = Clock::now();
    pipeline::Scores earlier;
    std::unique_lock lock(mutex_);
    for (Clock::time_point next = began + period_;; next += period_) {
        wake_.wait_until(lock, stop, next, [] { return false; });
        if (stop.stop_requested()) return;
        tell(earlier, std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began));
    }
}

void SchedTrace::tell(pipeline::Scores& earlier, std::chrono::milliseconds age) noexcept {
    try {
        backend_.refresh_figures();
        pipeline::Scores now = board_.read();
        spdlog::info("{}", sched_trace_line(backend_.name(), earlier, now, age));
        earlier = std::move(now);
    } catch (const std::bad_alloc&) {
        spdlog::warn("SCHED {}ms: there is no memory for this line", age.count());
    }
}

}  // namespace spindle::process
