// SPDX-License-Identifier: Apache-2.0
//
// What the code that runs now stands on: a worker is one event loop or one processor. The awaitables in
// io.hpp and socket.hpp wait through this interface, which is the whole difference between the backends.
// All of it is called on the thread that owns the worker; from inside a handler only enter_runtime()
// comes first.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>

#include "runtime/cycle_clock.hpp"
#include "runtime/run_meter.hpp"
#include "runtime/task.hpp"
#include "runtime/worker_counters.hpp"

namespace spindle::runtime {

class Reactor;
class Flow;
class Scope;
struct Fiber;

/// Who is continued when a wait ends. Filled by Worker::suspend or Worker::park.
struct Waiter {
    std::coroutine_handle<> coroutine;  ///< event_loop: resumed directly
    union {                             // every connection has one
        Flow* flow = nullptr;           ///< event_loop: whose coroutine it is
        Fiber* fiber;                   ///< fiber: made runnable
    };
};

/// One that other flows may continue.
struct FlowWaiter : Waiter {
    FlowWaiter* next = nullptr;        ///< event_loop: whichever list of those to be continued holds it
    std::uint64_t runnable_since = 0;  ///< event_loop: while it stands there; CycleClock
};

/// What is to happen as soon as a flow that waits has left its stack or its coroutine. Before that nobody
/// may continue it, and whoever ends a wait from another thread must know which comes first.
struct Departure {
    void (*left)(Departure&) noexcept = nullptr;
};

/// Work that may block its thread. Lives in the frame that awaits it.
struct BlockingJob {
    void (*run)(BlockingJob&) noexcept = nullptr;
    BlockingJob* next = nullptr;
    Waiter waiter;
};

/// Spawned flows, counted where they begin and where they end, which may be two workers. Any number may
/// be summed without a lock: read every `ended` before any `begun`, and if the sums are equal there was a
/// moment without flows.
class FlowCount {
  public:
    void begin() noexcept { begun_.store(begun_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
    void end() noexcept { ended_.store(ended_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
    [[nodiscard]] std::uint64_t begun() const noexcept { return begun_.load(std::memory_order_acquire); }
    [[nodiscard]] std::uint64_t ended() const noexcept { return ended_.load(std::memory_order_acquire); }

  private:
    std::atomic<std::uint64_t> begun_{0};  // written by the worker alone, as is the next
    std::atomic<std::uint64_t> ended_{0};
};

class Worker {
  public:
    /// `shared` outlives the worker.
    Worker(unsigned number, const char* backend_name, WorkerCounters& shared)
        : index(number), backend(backend_name), counters(shared) {}
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    [[nodiscard]] Reactor& reactor() noexcept { return *reactor_; }

    /// A wait ended: continue whoever waits. Called by completions and timers of this worker's reactor.
    virtual void wake(Waiter& waiter) noexcept = 0;

    /// The coroutine suspends until wake(waiter).
    virtual void suspend(Waiter& waiter, std::coroutine_handle<> coroutine) noexcept = 0;

    /// User code begins: from now on the worker may be taken away. `route` outlives it.
    virtual void begin_handler(const char* route) noexcept = 0;
    /// User code ended. Continues perhaps on another worker; so do the next two.
    virtual void end_handler() noexcept = 0;
    /// The scope that bounds the waits of the running flow, or null; see scope.hpp. Also from inside a handler.
    [[nodiscard]] virtual Scope* scope() const noexcept = 0;
    virtual void set_scope(Scope* scope) noexcept = 0;
    /// An awaitable inside a handler needs the runtime, and then goes back. No effect elsewhere.
    virtual void enter_runtime() noexcept = 0;
    virtual void leave_runtime() noexcept = 0;

    /// True where a wait must keep the stack: the running flow is a fiber inside a handler.
    [[nodiscard]] virtual bool must_park() const noexcept = 0;
    /// Readies `waiter` for wake(), to be called before the operation is filed. False if no stack is to
    /// be had to go on with: then suspend() serves as well.
    [[nodiscard]] virtual bool prepare_park(Waiter& waiter) noexcept = 0;
    /// Keeps the stack and runs others until wake(waiter). Returns perhaps on another thread and worker.
    virtual void park() noexcept = 0;

    /// Readied, but there is nothing to wait for after all.
    virtual void unprepare_park() noexcept = 0;
    /// Between suspend() or prepare_park() and the leaving: calls `departure.left` once it is done.
    virtual void on_departure(Departure& departure) noexcept = 0;

    /// Continues whoever waits, soon and on this worker, never inside the call. By code that runs on it.
    virtual void make_runnable(FlowWaiter& waiter) noexcept = 0;
    /// The same, behind all others.
    virtual void make_runnable_last(FlowWaiter& waiter) noexcept = 0;
    /// The same from any thread, also one that is no worker.
    virtual void make_runnable_from_outside(FlowWaiter& waiter) noexcept = 0;

    /// Begins a flow on this worker; see spawn.hpp.
    virtual void spawn(task<void> flow, const char* route) = 0;
    /// The last words of a spawned flow, perhaps on another worker than where it began.
    virtual void end_spawned() noexcept = 0;

    /// Runs the job on this thread, the worker given away meanwhile; false where that cannot be.
    [[nodiscard]] virtual bool run_blocking_here(BlockingJob& job) noexcept = 0;
    /// Queues the job for another thread and resumes `coroutine` after it; false if the queue is full.
    [[nodiscard]] virtual bool queue_blocking(BlockingJob& job, std::coroutine_handle<> coroutine) noexcept = 0;

    /// Since when the flow that runs could have run, had it had its turn at once: CycleClock. What it waited for may have
    /// come later than that, if the worker did not look for long.
    [[nodiscard]] virtual std::uint64_t runnable_since() const noexcept = 0;
    /// How long ago that is, ns: no time that others took, as its client, should be charged with.
    [[nodiscard]] std::uint64_t held_up() const noexcept {
        return CycleClock::since(runnable_since(), CycleClock::now());
    }

    /// Brings those counters of this process' workers up to date that say how things stand. Any thread.
    virtual void refresh_figures() = 0;

    const unsigned index;
    const char* const backend;
    WorkerCounters& counters;
    RunMeter meter{counters};
    FlowCount flows;

  protected:
    ~Worker() = default;
    Reactor* reactor_ = nullptr;
};

/// The worker of this thread. Never cache it across a wait: a fiber may continue elsewhere.
/// Not inlined, so that no compiler keeps the thread pointer in a register across a suspension.
[[gnu::noinline]] Worker& current_worker() noexcept;

/// The same; null on a thread that is no worker, such as one that runs a blocking() job.
[[gnu::noinline]] Worker* current_worker_or_null() noexcept;

/// Backends only.
[[gnu::noinline]] void set_current_worker(Worker* worker) noexcept;

}  // namespace spindle::runtime
