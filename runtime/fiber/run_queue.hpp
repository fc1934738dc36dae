// SPDX-License-Identifier: Apache-2.0
//
// A processor's run queue: a bounded ring, first in first out, that others steal half of.
//
// Go's ring, with the head that tokio packs into one word: `real` is where the owner pops next,
// `steal` is where a thief that is still copying began (equal to `real` when nobody steals). Slots
// from `steal` on are not written to, so a thief copies in peace what it has claimed.
//
// Who writes what: tail_ the owner; slots_ the owner; head_ the owner (pop, overflow) and one thief
// at a time, always by compare-exchange. "The owner" is whoever holds the processor: handing it
// over must order the old owner's accesses before the new one's (release, then acquire).
//
// Rejected: Chase-Lev's deque: its owner pops last in first out, which starves connections, and
// costs twice as much. Positions are 32 bits and wrap: a thief would have to sleep between its load
// and its compare-exchange through exactly 2^32 pops to be fooled.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "runtime/error.hpp"

namespace spindle::runtime {

/// Where a test puts other threads' turns; nothing in the server.
struct NeverInterrupted {
    static void here() noexcept {}
};

/// Holds pointers to T, never null; owns none of them. Capacity: a power of two, at least 4.
/// Interruption::here() is called wherever another thread's step in between could matter.
template <class T, unsigned Capacity = 256, class Interruption = NeverInterrupted>
class RunQueue {
    static_assert(Capacity >= 4 && (Capacity & (Capacity - 1)) == 0);

  public:
    static constexpr unsigned kCapacity = Capacity;

    RunQueue() = default;
    RunQueue(const RunQueue&) = delete;
    RunQueue& operator=(const RunQueue&) = delete;

    /// Owner only. Appends. When the ring is full, calls overflow(std::span<T* const>) once with
    /// the older half and `item` behind it (or with `item` alone while a thief makes room), for a
    /// global queue.
    template <class Overflow>
    void push(T* item, Overflow&& overflow) {
        const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
        while (true) {
            const std::uint64_t packed = head_.load(std::memory_order_acquire);
            const Head head = unpack(packed);
            if (tail - head.steal < Capacity) {
                Interruption::here();
                slot(tail).store(item, std::memory_order_relaxed);
                tail_.store(tail + 1, std::memory_order_release);
                return;
            }
            if (head.steal != head.real) {
                overflow(std::span<T* const>(&item, 1));
                return;
            }
            if (overflow_half(packed, head, item, overflow)) return;
        }
    }

    /// Owner only. The oldest item, or null.
    [[nodiscard]] T* pop() {
        std::uint64_t packed = head_.load(std::memory_order_acquire);
        const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
        while (true) {
            const Head head = unpack(packed);
            if (head.real == tail) return nullptr;
            const std::uint32_t next = head.real + 1;
            Interruption::here();
            const Head popped{.steal = head.steal == head.real ? next : head.steal, .real = next};
            if (head_.compare_exchange_weak(packed, pack(popped), std::memory_order_acq_rel,
                                            std::memory_order_acquire)) {
                return slot(head.real).load(std::memory_order_relaxed);
            }
        }
    }

    /// The owner of `mine`, which must be another queue. Moves the older half (rounded up) of this
    /// queue to `mine`, but for the oldest, which is returned to be run now. Null when there is
    /// nothing, when another thief is at work, or when `mine` is more than half full.
    [[nodiscard]] T* steal_into(RunQueue& mine) {
        CHECK_THAT(&mine != this);
        const std::uint32_t mine_tail = mine.tail_.load(std::memory_order_relaxed);
        const Head mine_head = unpack(mine.head_.load(std::memory_order_acquire));
        if (mine_tail - mine_head.steal > Capacity / 2) return nullptr;

        std::uint32_t first = 0;
        const std::uint32_t count = claim_half(first);
        if (count == 0) return nullptr;
        Interruption::here();
        T* oldest = slot(first).load(std::memory_order_relaxed);
        for (std::uint32_t i = 1; i < count; ++i) {
            T* item = slot(first + i).load(std::memory_order_relaxed);
            mine.slot(mine_tail + i - 1).store(item, std::memory_order_relaxed);
            Interruption::here();
        }
        finish_steal();
        mine.tail_.store(mine_tail + count - 1, std::memory_order_release);
        return oldest;
    }

    /// Any thread. True when there was nothing to pop at some moment of the call.
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

    /// Any thread. Exact for the owner when nobody steals, else a recent value.
    [[nodiscard]] unsigned size() const noexcept {
        const Head head = unpack(head_.load(std::memory_order_acquire));
        const std::uint32_t tail = tail_.load(std::memory_order_acquire);
        return std::min<std::uint32_t>(tail - head.real, Capacity);  // the owner may have gone on between
    }

    /// Owner only. How many pushes fit without overflow; thieves can only make it more.
    [[nodiscard]] unsigned room() const noexcept {
        const Head head = unpack(head_.load(std::memory_order_acquire));
        return Capacity - (tail_.load(std::memory_order_relaxed) - head.steal);
    }

  private:
    struct Head {
        std::uint32_t steal;
        std::uint32_t real;
    };
    static constexpr std::uint64_t pack(Head head) noexcept { return std::uint64_t{head.steal} << 32 | head.real; }
    static constexpr Head unpack(std::uint64_t packed) noexcept {
        return {.steal = static_cast<std::uint32_t>(packed >> 32), .real = static_cast<std::uint32_t>(packed)};
    }
    std::atomic<T*>& slot(std::uint32_t position) noexcept { return slots_[position & (Capacity - 1)]; }

    // The queue was full and nobody stole. False when a thief came first: then there is room.
    template <class Overflow>
    bool overflow_half(std::uint64_t packed, Head head, T* item, Overflow& overflow) {
        constexpr std::uint32_t kHalf = Capacity / 2;
        const Head taken{.steal = head.real + kHalf, .real = head.real + kHalf};
        Interruption::here();
        // Release: a thief that sees this head must also see a tail that is not behind it.
        if (!head_.compare_exchange_strong(packed, pack(taken), std::memory_order_acq_rel, std::memory_order_relaxed)) {
            return false;
        }
        std::array<T*, kHalf + 1> batch;
        for (std::uint32_t i = 0; i < kHalf; ++i) {
            batch[i] = slot(head.real + i).load(std::memory_order_relaxed);
        }
        batch[kHalf] = item;
        overflow(std::span<T* const>(batch));
        return true;
    }

    // Claims [first, first + count) for this thief by moving `real` past it and leaving `steal`
    // behind.
    std::uint32_t claim_half(std::uint32_t& first) {
        std::uint64_t packed = head_.load(std::memory_order_acquire);
        while (true) {
            const Head head = unpack(packed);
            if (head.steal != head.real) return 0;
            // Acquire: the slots that the owner filled before this tail.
            const std::uint32_t available = tail_.load(std::memory_order_acquire) - head.real;
            const std::uint32_t count = available - available / 2;
            if (count == 0) return 0;
            Interruption::here();
            const Head claimed{.steal = head.real, .real = head.real + count};
            // A tail much newer than the head may give nonsense; then the head has moved and this
            // fails.
            if (head_.compare_exchange_strong(packed, pack(claimed), std::memory_order_acq_rel,
                                              std::memory_order_acquire)) {
                CHECK_THAT(count <= Capacity / 2);
                first = head.real;
                return count;
            }
        }
    }

    // Gives the claimed slots to the owner for writing. The owner may have popped meanwhile.
    void finish_steal() {
        std::uint64_t packed = head_.load(std::memory_order_relaxed);
        while (true) {
            const std::uint32_t real = unpack(packed).real;
            Interruption::here();
            if (head_.compare_exchange_weak(packed, pack({.steal = real, .real = real}), std::memory_order_acq_rel,
                                            std::memory_order_relaxed)) {
                return;
            }
        }
    }

    // The head, which thieves write, apart from the tail, which the owner writes at every push.
    alignas(64) std::atomic<std::uint64_t> head_{0};
    alignas(64) std::atomic<std::uint32_t> tail_{0};
    alignas(64) std::array<std::atomic<T*>, Capacity> slots_{};
};

}  // namespace spindle::runtime
