// SPDX-License-Identifier: Apache-2.0
//
// Holding parked fibers still from another thread, to read their stacks (a dump) or to give back pages
// that they do not use (trimming).
//
// The inspector announces the fibers, makes every thread pass a memory barrier (membarrier(2)), and then
// looks which of them are parked. Whoever resumes a parked fiber marks it running first and looks for an
// announcement after: either the inspector sees the mark and lets go, or the resumer sees the announcement
// and waits. So resuming costs one load of a word that hardly ever changes, and no barrier; the inspector
// pays for both.
//
// Rejected: a compare-and-swap at each resume (5 ns, for something that happens once a minute).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

#include "runtime/fiber/fiber.hpp"
#include "runtime/flow.hpp"

namespace spindle::runtime {

class Inspection {
  public:
    static constexpr std::size_t kFibersMax = FlowRegistry::Walk::kBatch;

    /// Announces fibers, which cannot end meanwhile. One inspection at a time in the process: waits for
    /// another one. To be held for some microseconds a fiber: resumers spin.
    explicit Inspection(std::span<Fiber* const> fibers);
    ~Inspection();
    Inspection(const Inspection&) = delete;
    Inspection& operator=(const Inspection&) = delete;

    /// The stack upon which `fiber`, one of those announced, is parked; while the object lives nobody runs
    /// upon it. Null: it is not parked, or has not left its stack yet. `lowest` is the lowest address in use.
    struct Parked {
        Stack* stack = nullptr;
        std::byte* lowest = nullptr;
    };
    [[nodiscard]] Parked parked(const Fiber& fiber) const noexcept;

    /// By whoever is about to run upon `fiber`'s stack, after marking it running.
    static void before_resuming(const Fiber& fiber) noexcept {
        std::atomic_signal_fence(std::memory_order_seq_cst);  // the inspector's membarrier is the other half
        const std::uint32_t number = inspections.load(std::memory_order_acquire);
        if (number % 2 != 0) [[unlikely]]
            wait_for_inspector(fiber, number);
    }

  private:
    static void wait_for_inspector(const Fiber& fiber, std::uint32_t number) noexcept;

    static inline std::mutex one_at_a_time;
    static inline std::atomic<std::uint32_t> inspections{0};  // begun and ended: odd while one is under way
    static inline std::array<std::atomic<const Fiber*>, kFibersMax> announced{};

    std::lock_guard<std::mutex> lock_;
    bool effective_ = false;
};

}  // namespace spindle::runtime
