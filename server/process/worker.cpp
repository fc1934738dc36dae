// SPDX-License-Identifier: Apache-2.0
#include "server/process/worker.hpp"

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>

#include <spdlog/spdlog.h>

#include "runtime/event_loop/event_loop.hpp"
#include "runtime/fiber/fiber_backend.hpp"
#include "server/pipeline/server.hpp"
#include "server/process/sched_trace.hpp"
#include "server/process/start_up.hpp"
#include "server/process/stop_signals.hpp"

namespace spindle::process {
namespace {

std::unique_ptr<runtime::Backend> make_backend(const config::Concurrency& concurrency, unsigned worker,
                                               runtime::CounterSlots& counters) {
    if (concurrency.backend == config::Backend::fiber) {
        const config::Fiber& fiber = concurrency.fiber;
        if (fiber.threads_max <= fiber.processors) {
            spdlog::warn(
                "concurrency.fiber.threads_max = {} leaves no thread to take a processor over: there are {}, each "
                "has a thread of its own, and one more is allowed",
                fiber.threads_max, fiber.processors);
        }
        return runtime::make_fiber({.processors = fiber.processors,
                                    .stack_size = fiber.stack_size,
                                    .handoff_after = fiber.handoff_after,
                                    .threads_max = fiber.threads_max,
                                    .counters = &counters});
    }
    const config::EventLoop& loop = concurrency.event_loop;
    return runtime::make_event_loop({.worker = worker,
                                     .blocking_threads = loop.blocking_threads,
                                     .blocking_queue_max = loop.blocking_queue,
                                     .lag_warning = loop.lag_warning,
                                     .counters = &counters});
}

long open_descriptors() {
    std::error_code error;
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd", error), {});
}

/// Shows the last lines of a burst of requests without waiting for the next one.
class PeriodicFlush {
  public:
    explicit PeriodicFlush(pipeline::AccessLog& log) {
        if (log.enabled()) thread_ = std::jthread([this, &log](const std::stop_token& stop) { run(stop, log); });
    }

  private:
    void run(const std::stop_token& stop, pipeline::AccessLog& log) {
        std::unique_lock lock(mutex_);
        while (!stop.stop_requested()) {
            wake_.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
            log.flush();
        }
    }

    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace

std::uint64_t connections_of_a_process(const config::Config& config) noexcept {
    const bool loops = config.concurrency.backend == config::Backend::event_loop;
    const std::uint64_t processes = loops ? config.concurrency.event_loop.processes : 1;
    return (config.limits.connections + processes - 1) / processes;
}

int run_worker(const Worker& worker) try {
    const long descriptors_before = open_descriptors();
    runtime::Teardown left;
    runtime::Figures figures;
    {
        const auto backend = make_backend(worker.config.concurrency, worker.number, worker.board.runtime());
        pipeline::Server server(worker.config, worker.sites, worker.access_log, worker.board);
        if (worker.addresses != nullptr) server.count_addresses(*worker.addresses, worker.number);
        runtime::Service service = server.service(worker.listeners, worker.configured);
        service.connections_max = connections_of_a_process(worker.config);
        service.on_ready = worker.on_ready;

        const PeriodicFlush flush(worker.access_log);
        // One for the whole server: the first worker sees the others' figures too.
        const auto trace_every = worker.number == 0 ? worker.config.log.schedtrace : std::chrono::nanoseconds(0);
        const SchedTrace trace(trace_every, worker.board, *backend);
        const SignalWatch signals(*backend, !worker.supervised, worker.reopen_logs);
        const auto ended = backend->run(service);
        if (!ended) {
            spdlog::critical("{}", explain_ring_failure(ended.error(), ring_circumstances()));
            return 1;
        }
        left = backend->teardown();
        figures = backend->figures();
    }
    worker.access_log.end();
    if (const std::uint64_t lost = worker.access_log.lost(); lost > 0)
        spdlog::warn("{} lines of the access log were lost", lost);
    spdlog::debug("teardown: connections={} buffers={} fibers={} descriptors={} operations={} flows={}",
                  left.connections, left.buffers, left.fibers, open_descriptors() - descriptors_before, left.operations,
                  left.flows);
    spdlog::debug(
        "figures: accepted={} accept_errors={} buffers_exhausted={} dispatched={} stalls={} steals={} "
        "handoffs={} handoffs_refused={} blocking_calls={} blocking_refused={} cut={} stack_bytes_max={}",
        figures.accepted, figures.accept_errors, figures.buffers_exhausted, figures.dispatched, figures.stalls,
        figures.steals, figures.handoffs, figures.handoffs_refused, figures.blocking_calls, figures.blocking_refused,
        figures.cut, figures.stack_bytes_max);
    return 0;
} catch (const std::system_error& error) {
    spdlog::critical(
        "cannot start its threads: {}: raise the limit of tasks (pids.max of the cgroup, TasksMax= of systemd, "
        "ulimit -u), or lower what needs them (concurrency.fiber.processors, concurrency.event_loop.blocking_threads)",
        error.code().message());
    return 1;
}

}  // namespace spindle::process
