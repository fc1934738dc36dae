// SPDX-License-Identifier: Apache-2.0
#include "runtime/figures.hpp"

#include <algorithm>
#include <utility>

#include "runtime/cycle_clock.hpp"

namespace spindle::runtime {

namespace {

// Up to now, or to when it died.
std::uint64_t lived(const WorkerCounters& counters) noexcept {
    const std::uint64_t started = counters.started.read();
    return counters.elapsed.read() + (started == 0 ? 0 : CycleClock::since(started, CycleClock::now()));
}

// What goes on since the last wait is in no counter yet, and may be all there is: a loop that is stuck.
std::uint64_t busy(const WorkerCounters& counters) noexcept {
    const std::uint64_t since = counters.busy_since.read();
    return counters.busy.read() + (since == 0 ? 0 : CycleClock::since(since, CycleClock::now()));
}

void append_route(std::string& routes, const std::string& more) {
    if (!routes.empty() && !more.empty()) routes += ',';
    routes += more;
}

}  // namespace

void WorkerCounters::absorb(const WorkerCounters& dead) {
    dispatched.add(dead.dispatched.read());
    busy.add(spindle::runtime::busy(dead));
    delay.absorb(dead.delay.read());
    run.absorb(dead.run.read());
    closed.add(dead.accepted.read());  // all of them by now
    accepted.add(dead.accepted.read());
    accepts_paused.add(dead.accepts_paused.read());
    accept_errors.add(dead.accept_errors.read());
    shed_descriptors.add(dead.shed_descriptors.read());
    shed_memory.add(dead.shed_memory.read());
    buffers_exhausted.add(dead.buffers_exhausted.read());
    stalls.add(dead.stalls.read());
    steals.add(dead.steals.read());
    handoffs.add(dead.handoffs.read());
    blocking_calls.add(dead.blocking_calls.read());
    blocking_refused.add(dead.blocking_refused.read());
    cut.add(dead.cut.read());
    elapsed.add(lived(dead));
    restarts.add(dead.restarts.read() + 1);
    if (const Note::Value run_of_dead = dead.longest.read(); run_of_dead.number > longest.read().number)
        longest.write(run_of_dead.number, run_of_dead.text);
}

double Figures::utilisation() const noexcept {
    if (elapsed == 0) return 0;
    return std::min(1.0, static_cast<double>(busy) / static_cast<double>(elapsed));
}

Figures& Figures::operator+=(const Figures& other) {
    elapsed += other.elapsed;
    busy += other.busy;
    delay += other.delay;
    run += other.run;
    if (other.longest > longest) {
        longest = other.longest;
        longest_route = other.longest_route;
    }
    dispatched += other.dispatched;
    accepted += other.accepted;
    accepts_paused += other.accepts_paused;
    accept_errors += other.accept_errors;
    shed_descriptors += other.shed_descriptors;
    shed_memory += other.shed_memory;
    buffers_exhausted += other.buffers_exhausted;
    stalls += other.stalls;
    steals += other.steals;
    handoffs += other.handoffs;
    handoffs_refused += other.handoffs_refused;
    blocking_calls += other.blocking_calls;
    blocking_refused += other.blocking_refused;
    cut += other.cut;
    restarts += other.restarts;
    connections += other.connections;
    runnable += other.runnable;
    global_queue += other.global_queue;
    blocking_queued += other.blocking_queued;
    threads += other.threads;
    threads_stuck += other.threads_stuck;
    threads_idle += other.threads_idle;
    stack_bytes_max = std::max(stack_bytes_max, other.stack_bytes_max);
    append_route(stuck_routes, other.stuck_routes);
    return *this;
}

Figures read_figures(const WorkerCounters& counters) {
    Note::Value longest = counters.longest.read();
    // Closed first: what is closed was accepted before.
    const std::uint64_t closed = counters.closed.read();
    const std::uint64_t accepted = counters.accepted.read();
    return {.elapsed = lived(counters),
            .busy = busy(counters),
            .delay = counters.delay.read(),
            .run = counters.run.read(),
            .longest = longest.number,
            .longest_route = std::move(longest.text),
            .dispatched = counters.dispatched.read(),
            .accepted = accepted,
            .accepts_paused = counters.accepts_paused.read(),
            .accept_errors = counters.accept_errors.read(),
            .shed_descriptors = counters.shed_descriptors.read(),
            .shed_memory = counters.shed_memory.read(),
            .buffers_exhausted = counters.buffers_exhausted.read(),
            .stalls = counters.stalls.read(),
            .steals = counters.steals.read(),
            .handoffs = counters.handoffs.read(),
            .handoffs_refused = counters.handoffs_refused.read(),
            .blocking_calls = counters.blocking_calls.read(),
            .blocking_refused = counters.blocking_refused.read(),
            .cut = counters.cut.read(),
            .restarts = counters.restarts.read(),
            .connections = accepted - std::min(accepted, closed),
            .runnable = counters.runnable.read() + counters.blocking_done.read(),
            .global_queue = counters.global_queue.read(),
            .blocking_queued = counters.blocking_queued.read(),
            .threads = counters.threads.read(),
            .threads_stuck = counters.threads_stuck.read(),
            .threads_idle = counters.threads_idle.read(),
            .stack_bytes_max = counters.stack_bytes_max.read(),
            .stuck_routes = counters.stuck.read().text};
}

}  // namespace spindle::runtime
