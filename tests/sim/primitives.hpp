// SPDX-License-Identifier: Apache-2.0
//
// What threads meet by, for virtual threads: the standard's atomics, mutex, semaphore, thread and clock as
// far as runtime/fiber uses them. Before each operation it may be another thread's turn.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <functional>
#include <string>
#include <utility>

#include "tests/sim/virtual_threads.hpp"

namespace spindle::sim {

template <class T>
class Atomic {
  public:
    constexpr Atomic() noexcept = default;
    constexpr Atomic(T value) noexcept : value_(value) {}
    Atomic(const Atomic&) = delete;
    Atomic& operator=(const Atomic&) = delete;

    T load(std::memory_order = std::memory_order_seq_cst) const noexcept {
        VirtualThreads::here();
        return value_;
    }
    void store(T value, std::memory_order = std::memory_order_seq_cst) noexcept { exchange(value); }
    T exchange(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
        VirtualThreads::here();
        return std::exchange(value_, value);
    }
    T fetch_add(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
        VirtualThreads::here();
        return std::exchange(value_, value_ + value);
    }
    T fetch_sub(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
        VirtualThreads::here();
        return std::exchange(value_, value_ - value);
    }
    bool compare_exchange_strong(T& expected, T desired, std::memory_order = std::memory_order_seq_cst,
                                 std::memory_order = std::memory_order_seq_cst) noexcept {
        VirtualThreads::here();
        if (value_ == expected) {
            value_ = desired;
            return true;
        }
        expected = value_;
        return false;
    }
    bool compare_exchange_weak(T& expected, T desired, std::memory_order = std::memory_order_seq_cst,
                               std::memory_order = std::memory_order_seq_cst) noexcept {
        const bool for_no_reason = VirtualThreads::running != nullptr && VirtualThreads::running->random() % 8 == 0;
        if (for_no_reason) {
            expected = load();
            return false;
        }
        return compare_exchange_strong(expected, desired);
    }
    void wait(T old) const noexcept {
        const std::function<bool()> changed = [this, old] { return value_ != old; };
        VirtualThreads::wait_until("an atomic to change", changed);
    }
    void notify_one() noexcept { VirtualThreads::here(); }

  private:
    T value_{};
};

/// For mutants: a compare-exchange that is none.
template <class T>
bool looks_and_then_stores(Atomic<T>& atomic, T expected, T desired, std::memory_order, std::memory_order) noexcept {
    if (atomic.load() != expected) return false;
    atomic.store(desired);
    return true;
}

class Mutex {
  public:
    void lock() noexcept {
        VirtualThreads::here();
        const std::function<bool()> is_free = [this] { return !locked_; };
        if (locked_) VirtualThreads::wait_until("a mutex", is_free);
        locked_ = true;
    }
    void unlock() noexcept {
        locked_ = false;
        VirtualThreads::here();
    }

  private:
    bool locked_ = false;
};

class Semaphore {
  public:
    explicit Semaphore(std::ptrdiff_t count) noexcept : count_(count) {}
    void acquire() noexcept {
        const std::function<bool()> positive = [this] { return count_ > 0; };
        VirtualThreads::wait_until("a processor", positive);
        --count_;
    }
    void release() noexcept {
        VirtualThreads::here();
        if (++count_ > 1) VirtualThreads::fail("a machine is given two processors");
    }

  private:
    std::ptrdiff_t count_;
};

class Thread {
  public:
    Thread() = default;
    template <class Body>
    explicit Thread(Body body) : thread_(&VirtualThreads::running->add("a thread", std::move(body))) {}
    [[nodiscard]] bool joinable() const noexcept { return thread_ != nullptr; }
    void join() {
        const std::function<bool()> ended = [this] { return VirtualThreads::has_ended(*thread_); };
        VirtualThreads::wait_until("a thread's end", ended);
        thread_ = nullptr;
    }

  private:
    VirtualThreads::Thread* thread_ = nullptr;
};

struct Clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<Clock>;
    static constexpr bool is_steady = true;
    static time_point now() noexcept { return time_point(VirtualThreads::running->now); }
};

inline void sleep_for(std::chrono::nanoseconds time) noexcept {
    VirtualThreads::running->now += time;
    VirtualThreads::here();
}

/// Of threads' CPU time alone: each computes or is blocked, as the seed has it.
inline int clock_gettime(clockid_t, timespec* time) noexcept {
    const std::uint64_t now = VirtualThreads::running->random() % 2 == 0
                                  ? 0
                                  : static_cast<std::uint64_t>(VirtualThreads::running->now.count());
    *time = {static_cast<time_t>(now / 1'000'000'000), static_cast<long>(now % 1'000'000'000)};
    return 0;
}

}  // namespace spindle::sim
