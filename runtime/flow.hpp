// SPDX-License-Identifier: Apache-2.0
//
// What a backend keeps of each flow of control so that it can be seen: number, route, state and since
// when. A Flow lives in the promise of the flow's root coroutine (48 bytes a connection); the registry
// links all of them, so that a dump finds those that nobody else holds: whoever waits is known only to
// its operation.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

#include "runtime/small_mutex.hpp"

namespace spindle::runtime {

class Scope;

/// Written by one thread at a time, readable by any; values may lag. Costs what a plain variable does.
template <typename T>
class Shown {
  public:
    constexpr Shown(T value = T{}) noexcept : value_(value) {}  // NOLINT: stands for a T
    Shown& operator=(T value) noexcept {
        value_.store(value, std::memory_order_relaxed);
        return *this;
    }
    Shown(const Shown&) = delete;
    Shown& operator=(const Shown&) = delete;
    operator T() const noexcept { return value_.load(std::memory_order_relaxed); }  // NOLINT: as above
    T operator->() const noexcept { return *this; }

  private:
    std::atomic<T> value_;
};

enum class FlowState : std::uint8_t { runnable, running, waiting };

class Flow {
  public:
    Flow() = default;
    Flow(const Flow&) = delete;
    Flow& operator=(const Flow&) = delete;

    /// By whoever runs, queues or wakes it. `now` is the reactor's clock.
    void enter(FlowState state, std::uint64_t now, unsigned worker) noexcept {
        // Release: what was written before (where it is parked) belongs to the state.
        mark_.store((now & ~kLowBits) | (worker & kWorkerMax) << 3 | static_cast<unsigned>(state),
                    std::memory_order_release);
    }

    /// A state, since when, and the worker on which it was entered, in one word. Any thread.
    struct Mark {
        std::uint64_t word;
        [[nodiscard]] FlowState state() const noexcept { return static_cast<FlowState>(word & 3); }
        [[nodiscard]] unsigned worker() const noexcept { return word >> 3 & kWorkerMax; }  ///< modulo 128
        [[nodiscard]] std::uint64_t since() const noexcept { return word & ~kLowBits; }    ///< ns, to 1 µs
        [[nodiscard]] bool trimmed() const noexcept { return (word & kTrimmed) != 0; }
    };
    [[nodiscard]] Mark mark() const noexcept { return {mark_.load(std::memory_order_acquire)}; }
    /// Its stack has been trimmed since it entered the state that was seen. By the trimmer.
    void set_trimmed(Mark seen) noexcept {
        mark_.compare_exchange_strong(seen.word, seen.word | kTrimmed, std::memory_order_relaxed);
    }

    std::uint64_t id = 0;      ///< from 1, unique in the process; by FlowRegistry::add
    Shown<const char*> route;  ///< of the handler it is in; null: in the connection loop
    Scope* scope = nullptr;    ///< bounds its waits (scope.hpp); its own

  private:
    friend class FlowRegistry;
    static constexpr unsigned kWorkerMax = 127;
    static constexpr std::uint64_t kTrimmed = 4;
    static constexpr std::uint64_t kLowBits = 1023;

    std::atomic<std::uint64_t> mark_{0};
    Flow* newer_ = nullptr;  // by the registry's mutex, as is the next
    Flow* older_ = nullptr;
};
static_assert(sizeof(Flow) == 48);  // each connection has one; eight more cost sixteen of the event loop's 504

/// All flows there are, in as many lists as workers ask for; each has a mutex, taken at birth and death of
/// a flow (two uncontended locks) and for a few flows at a time by a walk.
class FlowRegistry {
  public:
    FlowRegistry() = default;
    FlowRegistry(const FlowRegistry&) = delete;
    FlowRegistry& operator=(const FlowRegistry&) = delete;

    /// Any thread; `worker` picks the list.
    void add(Flow& flow, unsigned worker) noexcept;
    void remove(Flow& flow) noexcept;

    /// Goes over the flows a few at a time. Every flow that is there from the walk's beginning to its end is
    /// seen once. Any number of walks at once; each ends before the registry does.
    class Walk {
      public:
        static constexpr std::size_t kBatch = 32;

        explicit Walk(FlowRegistry& registry) : registry_(registry) {}
        ~Walk() { leave(); }
        Walk(const Walk&) = delete;
        Walk& operator=(const Walk&) = delete;

        /// Calls see(std::span<Flow* const>) with the next ones; they cannot be removed
        /// meanwhile, so the call should be short. False, without a call: all have been seen.
        template <typename See>
        bool next(See&& see) {
            while (shard_ < kShards) {
                const std::lock_guard lock(registry_.shards_[shard_].mutex);
                if (advance_locked()) {
                    see(std::span<Flow* const>(flows_.data(), count_));
                    return true;
                }
            }
            return false;
        }

      private:
        bool advance_locked() noexcept;
        void leave() noexcept;

        FlowRegistry& registry_;
        unsigned shard_ = 0;
        bool entered_ = false;
        Flow cursor_;  // in the list, behind the last batch
        std::array<Flow*, kBatch> flows_{};
        std::size_t count_ = 0;
    };

  private:
    static constexpr unsigned kShards = 16;
    struct alignas(64) Shard {
        SmallMutex mutex;
        std::uint64_t born = 0;  // guarded by mutex, as is the list
        Flow* newest = nullptr;
    };

    static void link(Shard& shard, Flow& flow, Flow* newer) noexcept;
    static void unlink(Shard& shard, Flow& flow) noexcept;

    std::array<Shard, kShards> shards_;
};

}  // namespace spindle::runtime
