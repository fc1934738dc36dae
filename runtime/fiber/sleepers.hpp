// SPDX-License-Identifier: Apache-2.0
//
// Who sleeps and who is woken, among processors. Whoever makes fibers runnable wakes one sleeper, and none
// while a woken one still searches: that one, when it has found work and left some, wakes the next.
//
// No work is slept upon. A sleeper announces itself and then looks once more for work; a waker makes work
// visible and then looks for sleepers; between the two a fence on either side. Who sees that somebody
// searches wakes nobody, and relies upon that search to come after: so everyone who ends a search (by
// finding something, by going to sleep, by finding nobody to wake) looks for work again, after saying so.
// tests/model/handoff.pml proves it, tests/sim explores it.
#pragma once

#include <atomic>

#include "runtime/fiber/run_queue.hpp"

namespace spindle::runtime {

/// Any thread, except where "owner" is said. A processor has `std::atomic<bool> asleep` (cleared by whoever wakes it)
/// and `bool searching` (its owner's). Interruption: see RunQueue.
template <class Interruption = NeverInterrupted>
class Sleepers {
  public:
    [[nodiscard]] unsigned count() const noexcept { return sleeping_.load(std::memory_order_relaxed); }

    /// Owner. True if it searched until now: then it must look for what others left to it.
    template <class Processor>
    bool end_search(Processor& mine) noexcept {
        if (!mine.searching) return false;
        mine.searching = false;
        Interruption::here();
        one_searches_.store(false, std::memory_order_seq_cst);
        Interruption::here();
        return true;
    }

    /// Owner. After it the caller looks for work once more, before it really sleeps.
    template <class Processor>
    void lie_down(Processor& mine) noexcept {
        end_search(mine);
        mine.asleep.store(true, std::memory_order_seq_cst);
        Interruption::here();
        sleeping_.fetch_add(1, std::memory_order_seq_cst);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        Interruption::here();
    }

    /// Owner. A processor that somebody woke searches from now on.
    template <class Processor>
    void get_up(Processor& mine) noexcept {
        Interruption::here();
        sleeping_.fetch_sub(1, std::memory_order_seq_cst);
        Interruption::here();
        mine.searching = !mine.asleep.exchange(false, std::memory_order_seq_cst);
    }

    /// After work was made visible. `processors`: pointers; ring(processor) ends its sleep; `work_left` tells
    /// whether there is work that no awake processor is bound to find.
    template <class Processors, class Ring, class WorkLeft>
    void wake_one(Processors& processors, Ring&& ring, WorkLeft&& work_left) noexcept {
        do {
            std::atomic_thread_fence(std::memory_order_seq_cst);
            Interruption::here();
            if (sleeping_.load(std::memory_order_seq_cst) == 0) return;
            Interruption::here();
            if (one_searches_.exchange(true, std::memory_order_seq_cst)) return;
            for (auto& processor : processors) {
                Interruption::here();
                if (processor->asleep.load(std::memory_order_relaxed) &&
                    processor->asleep.exchange(false, std::memory_order_seq_cst)) {
                    ring(*processor);
                    return;
                }
            }
            Interruption::here();
            one_searches_.store(false, std::memory_order_seq_cst);
            std::atomic_thread_fence(std::memory_order_seq_cst);
            Interruption::here();
        } while (work_left());
    }

  private:
    alignas(64) std::atomic<unsigned> sleeping_{0};
    std::atomic<bool> one_searches_{false};  // a processor was woken and has found nothing yet
};

}  // namespace spindle::runtime
