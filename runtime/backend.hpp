// SPDX-License-Identifier: Apache-2.0
//
// A concurrency backend: what runs flows of control (connections, tasks). Two implementations, made by
// event_loop/event_loop.hpp and fiber/fiber_backend.hpp; whoever wires the program picks one, nobody else asks.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "runtime/accepted.hpp"
#include "runtime/error.hpp"
#include "runtime/figures.hpp"
#include "runtime/shared_slots.hpp"
#include "runtime/task.hpp"

namespace spindle::runtime {

/// Serves one accepted connection to its end. Owns the descriptor: closes it through Socket.
using Serve = std::function<task<void>(Accepted accepted)>;

/// A handler that holds its worker too long. `route` is static for the process' life.
struct Stall {
    const char* backend;
    unsigned worker;
    const char* route;
    std::chrono::nanoseconds lasted;
    bool handed_off;  ///< fiber: its processor went to another thread; event_loop: everything waits
    std::span<const void* const> frames = {};  ///< where it is, innermost first; event_loop, not every time
};

/// What is left when run() has returned; all zero, or something leaked.
struct Teardown {
    std::uint64_t connections = 0;
    std::uint64_t buffers = 0;
    std::uint64_t fibers = 0;
    std::uint64_t operations = 0;
    std::uint64_t flows = 0;  ///< spawned, not ended; under fiber they are among the fibers too
};

struct Service {
    std::span<const int> listeners;  ///< non-blocking, listening; stay open and owned by the caller
    Serve serve;
    std::uint64_t connections_max = 0;           ///< in this process; beyond it nothing is accepted until one closes
    std::function<void()> on_ready;              ///< called once, on a runtime thread, when connections are accepted
    std::function<void(const Stall&)> on_stall;  ///< called on an auxiliary thread, rate-limited by nobody
    /// A run that stalled is over: `lasted` is all of it. On the thread of the worker that goes on.
    std::function<void(const Stall&)> on_stall_end;
    std::chrono::nanoseconds drain_timeout{};
    /// Called on an auxiliary thread when a flow did not end even after it was cancelled (a handler that
    /// never comes back): must end the process. Null: std::_Exit(0).
    std::function<void()> abandon;
    /// A flow for tests and benchmarks, spawned on the worker that is ready last, after on_ready. Without
    /// listeners its end begins the drain, as the end of main() ends a program; with listeners, and without
    /// `main`, run() waits for request_drain().
    std::function<task<void>()> main;
    /// What a spawned flow threw and did not catch, on a runtime thread. Null: std::terminate().
    std::function<void(const char* route, std::exception_ptr what)> on_exception;
};

/// A drain's course: flows that are left are cancelled while there is time for them to end, and the process
/// ends without those that do not. Not below 100 ms, which an orderly end needs in any case.
struct DrainTimes {
    std::chrono::nanoseconds cancel_after;
    std::chrono::nanoseconds abandon_after;

    explicit constexpr DrainTimes(std::chrono::nanoseconds drain_timeout)
        : cancel_after(drain_timeout - std::min<std::chrono::nanoseconds>(drain_timeout / 2, std::chrono::seconds(1))),
          abandon_after(std::max<std::chrono::nanoseconds>(drain_timeout, std::chrono::milliseconds(100))) {}
};

/// A slot for each worker of all processes.
using CounterSlots = SharedSlots<WorkerCounters>;

/// Takes one line of a dump, without its end.
using DumpLine = std::function<void(std::string_view line)>;

class Backend {
  public:
    virtual ~Backend() = default;

    /// "event_loop" or "fiber".
    [[nodiscard]] virtual const char* name() const noexcept = 0;

    /// Serves until a drain has ended; the calling thread becomes the first worker. Errors before the
    /// first accept (ring set-up: EPERM, ENOSYS, ENOMEM) come back with nothing started; threads that are not to
    /// be had are thrown as std::system_error, alike. Call once.
    [[nodiscard]] virtual Result<void> run(const Service& service) = 0;

    /// Stop accepting, let flows end, cancel those left (DrainTimes), return from run().
    /// Any thread, and async-signal-safe. A second call changes nothing.
    virtual void request_drain() noexcept = 0;

    /// Says what every flow does: number, route, state and for how long, with a backtrace of those that stand on a
    /// stack. Any thread but those of the runtime, while run() runs; takes some 20 µs a flow, and disturbs others
    /// only where a backtrace is taken.
    virtual void dump(const DumpLine& line) = 0;

    /// Sum over the workers of this process; any thread, while run() runs or after it.
    [[nodiscard]] virtual Figures figures() const = 0;

    /// Brings those counters up to date that say how things stand (queues, threads), for whoever reads the
    /// slots. Any thread.
    virtual void refresh_figures() = 0;

    /// After run().
    [[nodiscard]] virtual Teardown teardown() const = 0;
};

}  // namespace spindle::runtime
