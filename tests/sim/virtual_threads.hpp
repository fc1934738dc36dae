// SPDX-License-Identifier: Apache-2.0
//
// Virtual threads: the real code, given turns by one seeded random. They run on the calling thread, each
// upon a context of its own, and change only where they say here() (which RunQueue, Sleepers and others do
// through their Interruption parameter) or wait. So a seed repeats a run exactly, and thousands of
// interleavings take a second. Half of the seeds choose evenly at each turn; the others by priorities that
// change now and then, so that a thread may stand still at one place while others do a lot, which an even
// choice hardly ever brings about (Burckhardt et al., A Randomized Scheduler with Probabilistic Guarantees
// of Finding Bugs, 2010). Sequentially consistent: memory orders are TSan's part.
//
//     VirtualThreads threads(seed);
//     threads.add([&] { queue.push(&item, overflow); });
//     threads.add([&] { VirtualThreads::wait_until([&] { return !queue.empty(); }); });
//     CHECK(threads.run());
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "runtime/fiber/context.hpp"

namespace spindle::sim {

/// One run. No virtual thread may throw; those of a run that ended in a deadlock are abandoned, and what they
/// have on their stacks is not destroyed.
class VirtualThreads {
  public:
    explicit VirtualThreads(std::uint64_t seed) : random(seed), by_priority_(seed % 2 == 0) {}
    VirtualThreads(const VirtualThreads&) = delete;
    VirtualThreads& operator=(const VirtualThreads&) = delete;
    ~VirtualThreads();

    void add(std::function<void()> body);
    /// Until all have ended. False: those that are left wait for what will not come, or go on for ever.
    [[nodiscard]] bool run();

    /// Another thread's turn, perhaps. Nothing outside of a run.
    static void here() noexcept;
    /// Waits for others to make it true.
    static void wait_until(const std::function<bool()>& condition) noexcept;

    std::mt19937_64 random;  ///< also for the choices of the code under test

  private:
    static constexpr std::size_t kStackBytes = 64 * 1024;
    static constexpr unsigned kTurnsMax = 1'000'000;
    static constexpr unsigned kPriorityEvery = 3;  // turns, on average

    struct Thread {
        std::function<void()> body;
        std::unique_ptr<std::byte[]> stack;
        runtime::Context context;
        const std::function<bool()>* condition = nullptr;  // waits for it
        std::uint64_t priority = 0;
        bool ended = false;
    };

    static void enter(void* threads) noexcept;
    void leave() noexcept;
    [[nodiscard]] Thread* choose();

    std::vector<std::unique_ptr<Thread>> threads_;
    runtime::Context outside_;
    Thread* current_ = nullptr;
    const bool by_priority_;
    static VirtualThreads* running;
};

/// The Interruption parameter of what is tested.
struct Turn {
    static void here() noexcept { VirtualThreads::here(); }
};

}  // namespace spindle::sim
