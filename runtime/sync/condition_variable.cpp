// SPDX-License-Identifier: Apache-2.0
#include "runtime/sync/condition_variable.hpp"

namespace spindle::runtime {

class ConditionVariable::Notified final : public SyncAwaiter {
  public:
    Notified(ConditionVariable& condition, Mutex& mutex, std::chrono::nanoseconds timeout) noexcept
        : SyncAwaiter(timeout), condition_(condition), mutex_(mutex) {}
    Result<void> await_resume() noexcept {
        if (const int ended = finish(); ended != 0) return failure(ended);
        return {};
    }
    [[nodiscard]] bool unlocked() const noexcept { return unlocked_; }

  private:
    bool take() noexcept override { return false; }
    bool take_or_enlist() noexcept override {
        {
            std::lock_guard lock(condition_.mutex_);
            condition_.waiting_.push(*this);
        }
        unlocked_ = true;
        // In the runtime already, where release_all() is not allowed.
        if (SyncWait* next = mutex_.pass_on()) next->release();
        return false;
    }
    void delist() noexcept override {
        std::lock_guard lock(condition_.mutex_);
        condition_.waiting_.remove(*this);
    }
    ConditionVariable& condition_;
    Mutex& mutex_;
    bool unlocked_ = false;
};

task<Result<void>> ConditionVariable::wait(Mutex::Guard& guard, std::chrono::nanoseconds timeout) {
    Mutex& mutex = *guard.mutex_;
    Notified notified(*this, mutex, timeout);
    const Result<void> woken = co_await notified;
    if (notified.unlocked()) {
        guard.mutex_ = nullptr;  // this flow does not own it until it is locked again
        Mutex::LockAwaiter locking(mutex, {}, Ending::only_notified);
        Result<Mutex::Guard> locked = co_await locking;
        guard = std::move(*locked);
    }
    co_return woken;
}

void ConditionVariable::notify_one() noexcept {
    SyncWait* woken = nullptr;
    {
        std::lock_guard lock(mutex_);
        woken = waiting_.claim_first();
    }
    release_all(woken);
}

void ConditionVariable::notify_all() noexcept {
    SyncWait* woken = nullptr;
    {
        std::lock_guard lock(mutex_);
        woken = waiting_.claim_all();
    }
    release_all(woken);
}

}  // namespace spindle::runtime
