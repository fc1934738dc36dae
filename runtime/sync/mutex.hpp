// SPDX-License-Identifier: Apache-2.0
//
// A mutex that may be held across waits. Free, it costs one compare-exchange either way. Contended, it is
// handed over in the order of arrival: nobody starves, at the price that it stands still until the next
// owner has been scheduled (Go does that only after 1 ms of starving).
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include "runtime/small_mutex.hpp"
#include "runtime/sync/sync_wait.hpp"

namespace spindle::runtime {

class Mutex {
  public:
    class Guard;
    class LockAwaiter;

    Mutex() = default;
    ~Mutex();
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;

    /// co_await → Result<Guard>.
    [[nodiscard]] LockAwaiter lock(std::chrono::nanoseconds timeout = {}) noexcept;
    [[nodiscard]] std::optional<Guard> try_lock() noexcept;

  private:
    friend class ConditionVariable;
    static constexpr unsigned kFree = 0;
    static constexpr unsigned kLocked = 1;
    static constexpr unsigned kContended = 2;  ///< locked, and unlocking must look into the list

    [[nodiscard]] bool take() noexcept {
        unsigned free = kFree;
        return word_.compare_exchange_strong(free, kLocked, std::memory_order_acquire, std::memory_order_relaxed);
    }
    [[nodiscard]] bool take_or_enlist(SyncWait& wait) noexcept;
    void delist(SyncWait& wait) noexcept;
    void unlock() noexcept { release_all(pass_on()); }
    /// Unlocks, or hands over: then to the claimed wait that is returned and must be released.
    [[nodiscard]] SyncWait* pass_on() noexcept;

    std::atomic<unsigned> word_{kFree};
    SmallMutex mutex_;
    WaitList waiting_;  // by mutex_
};

/// Owns the mutex until destroyed.
class [[nodiscard]] Mutex::Guard {
  public:
    Guard(Guard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Guard& operator=(Guard&& other) noexcept {
        std::swap(mutex_, other.mutex_);
        return *this;
    }
    ~Guard() { unlock(); }
    void unlock() noexcept {
        if (mutex_ != nullptr) std::exchange(mutex_, nullptr)->unlock();
    }

  private:
    friend class Mutex;
    friend class ConditionVariable;
    explicit Guard(Mutex& mutex) noexcept : mutex_(&mutex) {}
    Mutex* mutex_;
};

class Mutex::LockAwaiter final : public SyncAwaiter {
  public:
    LockAwaiter(Mutex& mutex, std::chrono::nanoseconds timeout, Ending ending = Ending::ordinary) noexcept
        : SyncAwaiter(timeout, ending), mutex_(mutex) {}
    Result<Guard> await_resume() noexcept {
        if (const int ended = finish(); ended != 0) return failure(ended);
        return Guard(mutex_);
    }

  private:
    bool take() noexcept override { return mutex_.take(); }
    bool take_or_enlist() noexcept override { return mutex_.take_or_enlist(*this); }
    void delist() noexcept override { mutex_.delist(*this); }
    Mutex& mutex_;
};

inline Mutex::LockAwaiter Mutex::lock(std::chrono::nanoseconds timeout) noexcept { return {*this, timeout}; }

inline std::optional<Mutex::Guard> Mutex::try_lock() noexcept {
    if (!take()) return std::nullopt;
    return Guard(*this);
}

}  // namespace spindle::runtime
