// SPDX-License-Identifier: Apache-2.0
//
// Waits for a number of flows to have done something. May be destroyed as soon as wait() has returned.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "runtime/small_mutex.hpp"
#include "runtime/sync/sync_wait.hpp"

namespace spindle::runtime {

class WaitGroup {
  public:
    class WaitAwaiter;

    WaitGroup() = default;
    ~WaitGroup() { CHECK_THAT(waiting_.empty()); }
    WaitGroup(const WaitGroup&) = delete;
    WaitGroup& operator=(const WaitGroup&) = delete;

    /// That many more done() are to come. Before the flow that will call them begins.
    void add(std::int64_t count = 1) noexcept { pending_.fetch_add(count, std::memory_order_relaxed); }
    /// Any thread.
    void done() noexcept;
    /// co_await → Result<void>: every done() has come.
    [[nodiscard]] WaitAwaiter wait(std::chrono::nanoseconds timeout = {}) noexcept;

  private:
    [[nodiscard]] bool take_or_enlist(SyncWait* wait) noexcept;
    void delist(SyncWait& wait) noexcept;

    std::atomic<std::int64_t> pending_{0};  // reaches 0 only under mutex_
    SmallMutex mutex_;
    WaitList waiting_;  // by mutex_
};

class WaitGroup::WaitAwaiter final : public SyncAwaiter {
  public:
    WaitAwaiter(WaitGroup& group, std::chrono::nanoseconds timeout) noexcept : SyncAwaiter(timeout), group_(group) {}
    Result<void> await_resume() noexcept {
        if (const int ended = finish(); ended != 0) return failure(ended);
        return {};
    }

  private:
    bool take() noexcept override { return group_.take_or_enlist(nullptr); }
    bool take_or_enlist() noexcept override { return group_.take_or_enlist(this); }
    void delist() noexcept override { group_.delist(*this); }
    WaitGroup& group_;
};

inline WaitGroup::WaitAwaiter WaitGroup::wait(std::chrono::nanoseconds timeout) noexcept { return {*this, timeout}; }

}  // namespace spindle::runtime
