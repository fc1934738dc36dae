// SPDX-License-Identifier: Apache-2.0
//
// Virtual threads: real code, given turns by one seeded random. They run on the calling thread, each upon
// a stack of its own, and change only where they say here() or wait (primitives.hpp does so at each atomic
// operation). So a seed repeats a run exactly, and thousands of interleavings take seconds.
//
// A quarter of the seeds choose evenly at each turn. In the others threads have priorities that change now
// and then, or stall, or both: so a thread may stand still at one place while others do a lot, which an even
// choice hardly ever brings about (Burckhardt et al., A Randomized Scheduler with Probabilistic Guarantees of
// Finding Bugs, 2010).
// Memory is sequentially consistent: that the orders in the code suffice is for the thread sanitizer.
//
//     VirtualThreads threads(seed);
//     threads.add("pushes", [&] { queue.push(&item, overflow); });
//     threads.add("waits", [&] { VirtualThreads::wait_until("an item", [&] { return !queue.empty(); }); });
//     CHECK(threads.run() == "");
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "runtime/fiber/context.hpp"

namespace spindle::sim {

/// What the code under test keeps in variables that are thread_local; see thread_locals.cpp.
struct ThreadLocals {
    void* machine = nullptr;
    void* worker = nullptr;
};

/// One run; one at a time. No virtual thread may throw. Those of a run that went wrong are abandoned: what they
/// have on their stacks is not destroyed.
class VirtualThreads {
  public:
    struct Thread;

    explicit VirtualThreads(std::uint64_t seed);
    ~VirtualThreads();
    VirtualThreads(const VirtualThreads&) = delete;
    VirtualThreads& operator=(const VirtualThreads&) = delete;

    /// Before the run or during it.
    Thread& add(std::string name, std::function<void()> body);
    /// Until all have ended. Else what went wrong: what fail() said, or who waits for what.
    [[nodiscard]] std::string run();

    /// The one that runs, or null.
    static VirtualThreads* running;

    // By virtual threads; no effect outside of a run.
    /// Another thread's turn, perhaps.
    static void here() noexcept;
    /// Waits for others to make `condition` true. `what` is said if they never do.
    static void wait_until(const char* what, const std::function<bool()>& condition) noexcept;
    /// Ends the run: something that must hold does not.
    static void fail(const std::string& what) noexcept;
    [[nodiscard]] static const Thread* current() noexcept { return running == nullptr ? nullptr : running->current_; }
    [[nodiscard]] static bool has_ended(const Thread& thread) noexcept;

    std::mt19937_64 random;                                 ///< also for the choices of the code under test
    std::chrono::nanoseconds now{std::chrono::seconds(1)};  ///< goes on when somebody sleeps for a time

  private:
    static constexpr std::size_t kStackBytes = 128 * 1024;
    static constexpr unsigned kTurnsMax = 300'000;
    static constexpr unsigned kPriorityEvery = 3;      // turns, on average: of the one that runs
    static constexpr unsigned kPrioritiesEvery = 100;  // of all
    static constexpr unsigned kStallEvery = 30;        // turns, on average
    static constexpr unsigned kStallMax = 300;         // turns

    static void enter(void* threads) noexcept;
    void leave() noexcept;
    [[nodiscard]] Thread* choose();
    void change_odds();
    [[nodiscard]] std::string who_waits() const;

    std::vector<std::unique_ptr<Thread>> threads_;
    runtime::Context outside_;
    Thread* current_ = nullptr;
    std::string wrong_;
    unsigned turn_ = 0;
    const bool by_priority_;
    const bool stalls_;
};

}  // namespace spindle::sim
