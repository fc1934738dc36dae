// SPDX-License-Identifier: Apache-2.0
//
// P: the right to run fibers, with everything that goes with it: run queue, ring, timers, stacks,
// acceptors. A machine holds it; the monitor may take it away while the machine is in a handler.
//
// Ownership is one word, {epoch, state}. In the runtime state the owner is the machine that entered it,
// and nobody takes it. begin_handler stores {epoch + 1, user}; from then on whoever first exchanges that
// very value owns the processor: the machine itself, back from the handler, or the monitor. The epoch
// makes every stay in user code a value of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>

#include "runtime/fiber/fiber.hpp"
#include "runtime/fiber/run_queue.hpp"
#include "runtime/fiber/stacks.hpp"
#include "runtime/reactor/acceptor.hpp"
#include "runtime/reactor/reactor.hpp"
#include "runtime/root.hpp"
#include "runtime/worker.hpp"

namespace spindle::runtime {

class Machine;
class Scheduler;

class Processor final : public Worker, public AcceptSink {
  public:
    Processor(unsigned number, Scheduler& scheduler, StackSlabs& slabs, WorkerCounters& shared);

    /// Makes the ring; before anything else.
    [[nodiscard]] Result<void> open();

    // Worker
    void wake(Waiter& waiter) noexcept override;
    void suspend(Waiter& waiter, std::coroutine_handle<> coroutine) noexcept override;
    void begin_handler(const char* route) noexcept override;
    void end_handler() noexcept override;
    Scope* scope() const noexcept override;
    void set_scope(Scope* scope) noexcept override;
    void enter_runtime() noexcept override;
    void leave_runtime() noexcept override;
    bool must_park() const noexcept override;
    bool prepare_park(Waiter& waiter) noexcept override;
    void park() noexcept override;
    void unprepare_park() noexcept override;
    void on_departure(Departure& departure) noexcept override;
    void make_runnable(FlowWaiter& waiter) noexcept override;
    void make_runnable_last(FlowWaiter& waiter) noexcept override;
    void make_runnable_from_outside(FlowWaiter& waiter) noexcept override;
    void spawn(task<void> flow, const char* route) override;
    void end_spawned() noexcept override;
    bool run_blocking_here(BlockingJob& job) noexcept override;
    bool queue_blocking(BlockingJob&, std::coroutine_handle<>) noexcept override { return false; }
    std::uint64_t runnable_since() const noexcept override;
    void refresh_figures() override;

    // AcceptSink
    bool may_accept() noexcept override;
    void accepted_nothing() noexcept override;
    void accepted(Accepted accepted) override;

    // For the machine that holds it.
    void give_stack(Stack& stack) noexcept { stacks_.give(&stack); }
    /// Gives back cached stacks that are not needed, if it was asked to; after each poll.
    void heed_rest() noexcept {
        if (rest_asked_.load(std::memory_order_relaxed)) [[unlikely]]
            rest_stacks();
    }
    /// Before it sleeps: what it has to give back.
    void show_stacks() noexcept { stacks_cached_ = stacks_.size(); }
    /// `fiber` has become runnable.
    void push(Fiber& fiber) noexcept;
    /// It comes from another queue.
    void take_over(Fiber& fiber) noexcept;
    /// The next fiber of its own, or null: run-next first, but not more than kNextInARow times in a row.
    [[nodiscard]] Fiber* pop() noexcept;
    /// Of its own, waiting to run.
    [[nodiscard]] unsigned runnable() const noexcept {
        return queue.size() + (next_.load(std::memory_order_relaxed) != nullptr ? 1 : 0);
    }
    /// Starts accepting, the first time; on a machine that has just got it.
    void start_listening() noexcept;
    void resume_accepting() noexcept;
    /// Does what a drain or stop asks for, once each; to be called after each poll.
    void heed_drain() noexcept;
    void shut_down() noexcept;

    /// A fiber waits for whoever woke it to leave user code. For a thief; a hint.
    [[nodiscard]] bool offers_next() const noexcept {
        return next_.load(std::memory_order_relaxed) != nullptr && (word() & kUser) != 0;
    }
    /// For a thief with nothing else to do: run-next, if whoever woke that fiber stays in user code.
    [[nodiscard]] Fiber* steal_next() noexcept;

    // For the trimmer.
    void ask_to_rest_stacks() noexcept;

    // For the monitor.
    static constexpr std::uint64_t kUser = 1;
    static constexpr std::uint64_t kEpoch = 2;
    [[nodiscard]] std::uint64_t word() const noexcept { return word_.load(std::memory_order_acquire); }
    /// Takes the processor from the machine that has been in user code since `seen`. False: it came back.
    [[nodiscard]] bool retake(std::uint64_t seen) noexcept;
    /// Fibers, completions or timers that are due at `now` (CLOCK_MONOTONIC, ns); a hint.
    [[nodiscard]] bool has_waiting_work(std::uint64_t now) const noexcept;
    /// The kernel has completions whose thread must enter it first; a hint.
    [[nodiscard]] bool has_task_work() const noexcept { return reactor_owner_->has_task_work(); }

    RunQueue<Fiber> queue;
    std::atomic<Machine*> machine{nullptr};    ///< who holds it; written by assign()
    std::atomic<const char*> route{nullptr};   ///< of the handler that runs; by the owner
    std::atomic<bool> asleep{false};           ///< waits in its reactor; cleared by whoever wakes it
    std::atomic<bool> accepting_ended{false};  ///< drained, and no accept in flight any more
    unsigned tick = 0;                         ///< dispatches; the owner's
    bool searching = false;                    ///< woken to look for work, has found none yet; the owner's

  private:
    Root<Fiber> flow(task<void> serving);
    void enter_user() noexcept;
    void enter_user_with_next(std::uint64_t user_word) noexcept;
    [[nodiscard]] Fiber* take_next() noexcept;
    void rest_stacks() noexcept;

    Scheduler& scheduler_;
    StackCache stacks_;
    Shown<unsigned> stacks_cached_{0};     // as it went to sleep
    std::atomic<bool> rest_asked_{false};  // by the trimmer
    std::unique_ptr<Reactor> reactor_owner_;
    std::deque<Acceptor> acceptors_;
    // Go's runnext: what the running fiber woke last, which very likely uses what is still in the cache.
    std::atomic<Fiber*> next_{nullptr};  // written by the owner, taken by it or by a thief
    unsigned next_in_a_row_ = 0;
    bool next_offered_ = false;             // another processor was woken to take it
    std::uint64_t offered_in_vain_at_ = 0;  // CycleClock; when the owner took it after all
    Stack* fresh_ = nullptr;                // from prepare_park to park
    bool listening_ = false;
    bool drained_ = false;
    bool cancelled_ = false;
    alignas(64) std::atomic<std::uint64_t> word_{0};
};

}  // namespace spindle::runtime
