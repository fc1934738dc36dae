// SPDX-License-Identifier: Apache-2.0
//
// Waiting, without the mutex, for what the mutex guards. As std::condition_variable, but that it never
// wakes without reason; the condition is to be looked at again all the same, since another flow may have
// been faster to the mutex.
#pragma once

#include <chrono>
#include <mutex>

#include "runtime/small_mutex.hpp"
#include "runtime/sync/mutex.hpp"
#include "runtime/task.hpp"

namespace spindle::runtime {

class ConditionVariable {
  public:
    ConditionVariable() = default;
    ~ConditionVariable() { CHECK_THAT(waiting_.empty()); }
    ConditionVariable(const ConditionVariable&) = delete;
    ConditionVariable& operator=(const ConditionVariable&) = delete;

    /// Unlocks and waits as one step, then locks again, whatever the Result: `guard` owns the mutex afterwards
    /// also when it was cancelled, and for that last step alone no deadline counts.
    [[nodiscard]] task<Result<void>> wait(Mutex::Guard& guard, std::chrono::nanoseconds timeout = {});
    /// Until condition(), which is called with the mutex held. The time limit is for all of it.
    template <typename Condition>
    [[nodiscard]] task<Result<void>> wait_until(Mutex::Guard& guard, Condition condition,
                                                std::chrono::nanoseconds timeout = {});

    /// Whoever holds the mutex notifies exactly those who waited before. Any thread.
    void notify_one() noexcept;
    void notify_all() noexcept;

  private:
    class Notified;
    SmallMutex mutex_;
    WaitList waiting_;  // by mutex_
};

template <typename Condition>
task<Result<void>> ConditionVariable::wait_until(Mutex::Guard& guard, Condition condition,
                                                 std::chrono::nanoseconds timeout) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    std::chrono::nanoseconds left = timeout;
    while (!condition()) {
        if (timeout.count() != 0) {
            left = end - std::chrono::steady_clock::now();
            if (left.count() <= 0) co_return failure(ETIMEDOUT);
        }
        task<Result<void>> waiting = wait(guard, left);
        const Result<void> woken = co_await waiting;
        if (!woken && !condition()) co_return woken;
    }
    co_return Result<void>{};
}

}  // namespace spindle::runtime
