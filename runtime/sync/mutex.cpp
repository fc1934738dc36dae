// SPDX-License-Identifier: Apache-2.0
#include "runtime/sync/mutex.hpp"

namespace spindle::runtime {

// Under the lock: whoever unlocked last may still be about to leave it.
Mutex::~Mutex() {
    std::lock_guard lock(mutex_);
    CHECK_THAT(word_.load(std::memory_order_relaxed) == kFree);
}

bool Mutex::take_or_enlist(SyncWait& wait) noexcept {
    std::lock_guard lock(mutex_);
    // Also the new owner leaves it contended: at worst it looks into an empty list.
    if (word_.exchange(kContended, std::memory_order_acquire) == kFree) return true;
    waiting_.push(wait);
    return false;
}

void Mutex::delist(SyncWait& wait) noexcept {
    std::lock_guard lock(mutex_);
    waiting_.remove(wait);
}

SyncWait* Mutex::pass_on() noexcept {
    unsigned locked = kLocked;
    if (word_.compare_exchange_strong(locked, kFree, std::memory_order_release, std::memory_order_relaxed)) {
        return nullptr;
    }
    std::lock_guard lock(mutex_);
    SyncWait* next = waiting_.claim_first();
    // Whoever comes now finds the list locked and waits for it, or finds the mutex free.
    if (next == nullptr) word_.store(kFree, std::memory_order_release);
    return next;
}

}  // namespace spindle::runtime
