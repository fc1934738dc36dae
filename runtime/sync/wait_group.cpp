// SPDX-License-Identifier: Apache-2.0
#include "runtime/sync/wait_group.hpp"

namespace spindle::runtime {

// The last one holds the lock: who waits must find the group at rest before it may destroy it.
void WaitGroup::done() noexcept {
    std::int64_t pending = pending_.load(std::memory_order_relaxed);
    while (pending > 1) {
        if (pending_.compare_exchange_weak(pending, pending - 1, std::memory_order_release,
                                           std::memory_order_relaxed)) {
            return;
        }
    }
    SyncWait* woken = nullptr;
    {
        std::lock_guard lock(mutex_);
        const std::int64_t before = pending_.fetch_sub(1, std::memory_order_acq_rel);
        CHECK_THAT(before > 0);
        if (before == 1) woken = waiting_.claim_all();
    }
    release_all(woken);
}

bool WaitGroup::take_or_enlist(SyncWait* wait) noexcept {
    std::lock_guard lock(mutex_);
    if (pending_.load(std::memory_order_acquire) <= 0) return true;
    if (wait != nullptr) waiting_.push(*wait);
    return false;
}

void WaitGroup::delist(SyncWait& wait) noexcept {
    std::lock_guard lock(mutex_);
    waiting_.remove(wait);
}

}  // namespace spindle::runtime
