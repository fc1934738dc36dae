// SPDX-License-Identifier: Apache-2.0
//
// What the processors share: the global queue, who sleeps, who is woken, the machines, the drain.
//
// Where a processor looks for its next fiber, in this order: its own queue; the global queue (every 61st
// dispatch it comes first, with a look at the ring, so that neither starves: fairness.hpp); other processors' queues, of
// which it takes half; its reactor, in which it then sleeps.
//
// Waking. Whoever makes fibers runnable wakes one sleeping processor, and none while a woken one is
// still searching; that one, when it has found work and left some, wakes the next. A processor that goes
// to sleep says so first and then looks once more (a fence on both sides), so no work is slept upon.
//
// Rejected: dispatching idle processors by a lock (contended at every wake-up), waking all (a stampede
// for one fiber), a separate netpoller thread (two switches a completion).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "runtime/backend.hpp"
#include "runtime/fiber/fiber.hpp"
#include "runtime/fiber/global_queue.hpp"
#include "runtime/fiber/machine.hpp"
#include "runtime/fiber/processor.hpp"
#include "runtime/fiber/stacks.hpp"

namespace spindle::runtime {

class Scheduler {
  public:
    /// A processor for each slot, from `counters` on.
    Scheduler(CounterSlots& counters, std::size_t stack_size, StackGuard guard, unsigned machines_max);
    ~Scheduler();

    [[nodiscard]] Result<void> open();
    /// Runs until stopped; the calling thread is the first machine. std::system_error if there is no thread, or no
    /// stack, for each of the others; nothing has begun then.
    void run(const Service& service, Backend& backend);

    /// The next fiber for `mine`, sleeping until there is one; null: the processor is to be given up for good.
    [[nodiscard]] Fiber* next(Processor& mine) noexcept;

    // Machines
    /// A machine that waits for a processor, or a new one; null at the limit, or without memory. Any thread.
    [[nodiscard]] Machine* reserve_machine() noexcept;
    /// `machine` waits for a processor.
    void idle(Machine& machine) noexcept;
    void processor_finished(Processor& processor) noexcept;
    /// Nobody was there to take a processor over: threads_max is reached.
    void handoff_refused() noexcept { handoffs_refused_.fetch_add(1, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t handoffs_refused() const noexcept {
        return handoffs_refused_.load(std::memory_order_relaxed);
    }

    void refresh_figures();  ///< any thread

    // Runnable fibers
    void publish(Fiber& fiber) noexcept;  ///< any thread
    void overflow(std::span<Fiber* const> fibers) noexcept { global_.push(fibers); }
    /// Fibers were made runnable beyond the one that runs next: one sleeping processor is to look for work.
    void wake_one() noexcept;
    /// The same, by a processor that is awake: the only one there is needs no fence.
    void wake_another() noexcept {
        if (processors_.size() > 1) wake_one();
    }

    // Connections and drain
    void processor_listens(Processor& processor) noexcept;
    [[nodiscard]] const Service& service() const noexcept { return *service_; }
    /// For one connection; false: at the limit, or draining.
    [[nodiscard]] bool take_place() noexcept;
    void give_place() noexcept;
    /// -> how many there are now.
    std::uint64_t connection_opened() noexcept { return connections_.fetch_add(1, std::memory_order_relaxed) + 1; }
    void connection_closed() noexcept;
    [[nodiscard]] std::uint64_t connections() const noexcept { return connections_.load(std::memory_order_acquire); }
    /// Spawned, not ended; 0 is exact if nobody else can spawn any more.
    [[nodiscard]] std::uint64_t spawned() const noexcept;
    [[nodiscard]] bool draining() const noexcept { return draining_.load(std::memory_order_acquire); }
    [[nodiscard]] bool cancelling() const noexcept { return cancelling_.load(std::memory_order_acquire); }
    void begin_drain() noexcept;  ///< by the monitor; so the next two
    void cancel_flows() noexcept;
    void stop() noexcept;
    [[nodiscard]] bool all_accepting_ended() const noexcept;

    [[nodiscard]] FlowRegistry& flows() noexcept { return flows_; }
    [[nodiscard]] StackSlabs& stacks() noexcept { return slabs_; }
    [[nodiscard]] const StackSlabs& stacks() const noexcept { return slabs_; }
    [[nodiscard]] std::vector<std::unique_ptr<Processor>>& processors() noexcept { return processors_; }
    [[nodiscard]] const std::vector<std::unique_ptr<Processor>>& processors() const noexcept { return processors_; }
    /// Every machine there is; grows only. Under machines_mutex().
    [[nodiscard]] std::vector<std::unique_ptr<Machine>>& machines() noexcept { return machines_; }
    [[nodiscard]] std::mutex& machines_mutex() noexcept { return machines_mutex_; }
    [[nodiscard]] bool everybody_sleeps() const noexcept {
        return sleeping_.load(std::memory_order_seq_cst) == processors_.size();
    }
    /// The monitor sleeps until somebody stops sleeping.
    std::atomic<bool> monitor_dozes{false};

  private:
    [[nodiscard]] Fiber* from_global(Processor& mine) noexcept;
    [[nodiscard]] Fiber* steal(Processor& mine) noexcept;
    [[nodiscard]] bool work_elsewhere(const Processor& mine) const noexcept;
    void poll(Processor& mine, Reactor::Block block) noexcept;
    void sleep(Processor& mine) noexcept;
    Fiber* found(Processor& mine, Fiber* fiber) noexcept;
    void wake_all() noexcept;
    [[nodiscard]] Machine* idle_or_new_machine() noexcept;
    void end_machines();

    FlowRegistry flows_;
    StackSlabs slabs_;
    std::vector<std::unique_ptr<Processor>> processors_;
    const unsigned machines_max_;
    const Service* service_ = nullptr;
    Backend* backend_ = nullptr;

    GlobalQueue<Fiber> global_;
    alignas(64) std::atomic<unsigned> sleeping_{0};
    std::atomic<bool> one_searches_{false};  // a processor was woken and has found nothing yet
    std::atomic<unsigned> listening_{0};
    alignas(64) std::atomic<std::uint64_t> connections_{0};
    std::atomic<std::uint64_t> places_{0};  ///< connections, and accepts that are filed
    std::atomic<bool> accept_paused_{false};
    std::atomic<bool> draining_{false};
    std::atomic<bool> cancelling_{false};
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> handoffs_refused_{0};

    std::mutex machines_mutex_;
    std::vector<std::unique_ptr<Machine>> machines_;  // by machines_mutex_, as are the next three
    std::vector<Machine*> idle_machines_;
    unsigned processors_finished_ = 0;
    bool machines_end_ = false;
};

}  // namespace spindle::runtime
