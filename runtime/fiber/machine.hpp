// SPDX-License-Identifier: Apache-2.0
//
// M: an OS thread. With a processor it runs the scheduler's loop on borrowed stacks; without one it
// waits, on its own stack, to be given one. It never ends while the scheduler runs: operations that it
// filed complete on it.
//
// Stacks. The loop runs on whichever stack is current. A fiber that parks keeps the stack, and the
// machine goes on upon a fresh one; when the fiber is resumed, the resumer's stack is abandoned (its loop
// has no state) and recycled from the fiber's, and the loop goes on beneath the resumed fiber's frames.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <semaphore>
#include <thread>

#include "runtime/backend.hpp"
#include "runtime/fiber/context.hpp"
#include "runtime/fiber/fiber.hpp"
#include "runtime/fiber/stacks.hpp"
#include "runtime/worker.hpp"

namespace spindle::runtime {

class Processor;
class Scheduler;

class Machine {
  public:
    explicit Machine(Scheduler& scheduler) : scheduler_(scheduler) {}
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    /// The machine's life on the calling thread: wait for a processor, run it, until told to stop.
    void live();
    void start_thread();
    void join();

    /// Gives a waiting machine its processor, or null: end. By whoever took it from the idle list or made it.
    void assign(Processor* processor) noexcept;

    /// On a fiber's stack, the processor lost or given away: leaves the stack, makes the fiber runnable,
    /// and returns, on whichever machine runs it, with a processor in the runtime state.
    void requeue_running_fiber() noexcept;

    /// Parks the running fiber upon its stack and runs others upon `fresh`; returns as above.
    void park_running_fiber(Stack& fresh) noexcept;

    /// SIGURG: lets the kernel run completions that wait for this thread, if it computes.
    void kick() const noexcept;
    /// The CPU that its thread runs on, or ran on last; -1 when that is not known. Any thread; no system call.
    [[nodiscard]] int cpu() const noexcept;
    /// Moves its thread to that CPU now; where it goes later is the kernel's affair again. Any thread.
    void move_to(int cpu) const noexcept;
    /// CPU time of its thread so far; zero before it lives. Any thread; a system call.
    [[nodiscard]] std::chrono::nanoseconds cpu_time() const noexcept;

    /// gettid(); 0: has not begun. Any thread.
    [[nodiscard]] int thread_id() const noexcept { return thread_id_.load(std::memory_order_relaxed); }

    // Written by the machine itself; processor also by assign() while it waits.
    Processor* processor = nullptr;
    Shown<Fiber*> fiber;             ///< the one that runs; null: the loop looks for one
    Stack* stack = nullptr;          ///< the one it runs upon
    std::uint64_t user_word = 0;     ///< what the processor's word was set to when user code began
    Departure* departing = nullptr;  ///< of a flow that is about to leave its stack or coroutine

    std::uint64_t run_began = 0;  ///< CycleClock; of the fiber's run, 0: it is measured already

    /// In a handler without a processor.
    [[nodiscard]] bool away() const noexcept {
        return taken_from.load(std::memory_order_relaxed) || gave_away.load(std::memory_order_relaxed);
    }

    // Two flags with one writer each at a time: a monitor that comes too late takes back only what it said itself.
    std::atomic<bool> taken_from{false};            ///< by the monitor, before; cleared when the machine comes back
    std::atomic<const char*> stuck_route{nullptr};  ///< of that handler; as taken_from
    std::atomic<bool> gave_away{false};             ///< its processor, for blocking(); its own
    std::atomic<Processor*> held_last{nullptr};     ///< where what it filed is awaited; written by assign()

  private:
    friend void run_fiber(Fiber& fiber) noexcept;
    void settle() noexcept;
    void depart() noexcept;
    [[nodiscard]] Stall end_own_run() noexcept;
    void tell_end(Stall stall) noexcept;
    [[noreturn]] static void loop(void*) noexcept;
    void run_processor() noexcept;

    Scheduler& scheduler_;
    Context thread_context_;      // the thread's own stack, while it runs a processor
    Stack* abandoned_ = nullptr;  // left behind by the last switch; nobody runs upon it
    Fiber* publish_ = nullptr;    // to be made runnable once its stack is left
    std::binary_semaphore assigned_{0};
    std::atomic<int> thread_id_{0};
    std::atomic<const std::uint32_t*> cpu_{nullptr};  // in the thread's rseq area, which the kernel writes
    std::thread thread_;
};

/// The machine of this thread; not inlined, for the reasons in worker.hpp.
[[gnu::noinline]] Machine& this_machine() noexcept;

/// The fiber that runs on this thread, null if none does. Async-signal-safe.
[[gnu::noinline]] const Fiber* running_fiber() noexcept;

/// Continues `fiber` on this machine. Returns when it has suspended or ended, maybe on another machine;
/// does not return to a caller whose stack was abandoned.
void run_fiber(Fiber& fiber) noexcept;

}  // namespace spindle::runtime
