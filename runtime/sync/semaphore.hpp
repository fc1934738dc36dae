// SPDX-License-Identifier: Apache-2.0
//
// A number of places, of which each flow takes one and gives it back; bounds how much is done at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>

#include "runtime/small_mutex.hpp"
#include "runtime/sync/sync_wait.hpp"

namespace spindle::runtime {

class Semaphore {
  public:
    class AcquireAwaiter;

    explicit Semaphore(std::uint64_t places) noexcept : free_(places) {}
    ~Semaphore() { CHECK_THAT(waiting_.empty()); }
    Semaphore(const Semaphore&) = delete;
    Semaphore& operator=(const Semaphore&) = delete;

    /// co_await → Result<void>: a place was taken.
    [[nodiscard]] AcquireAwaiter acquire(std::chrono::nanoseconds timeout = {}) noexcept;
    [[nodiscard]] bool try_acquire() noexcept;
    /// Gives a place to who waits longest, or back. Any thread.
    void release() noexcept;

  private:
    [[nodiscard]] bool take_or_enlist(SyncWait& wait) noexcept;
    void delist(SyncWait& wait) noexcept;

    SmallMutex mutex_;
    std::uint64_t free_;  // by mutex_, as is the next; 0 while somebody waits
    WaitList waiting_;
};

class Semaphore::AcquireAwaiter final : public SyncAwaiter {
  public:
    AcquireAwaiter(Semaphore& semaphore, std::chrono::nanoseconds timeout) noexcept
        : SyncAwaiter(timeout), semaphore_(semaphore) {}
    Result<void> await_resume() noexcept {
        if (const int ended = finish(); ended != 0) return failure(ended);
        return {};
    }

  private:
    bool take() noexcept override { return semaphore_.try_acquire(); }
    bool take_or_enlist() noexcept override { return semaphore_.take_or_enlist(*this); }
    void delist() noexcept override { semaphore_.delist(*this); }
    Semaphore& semaphore_;
};

inline Semaphore::AcquireAwaiter Semaphore::acquire(std::chrono::nanoseconds timeout) noexcept {
    return {*this, timeout};
}

}  // namespace spindle::runtime
