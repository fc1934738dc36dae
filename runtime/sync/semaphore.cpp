// SPDX-License-Identifier: Apache-2.0
#include "runtime/sync/semaphore.hpp"

namespace spindle::runtime {

bool Semaphore::try_acquire() noexcept {
    std::lock_guard lock(mutex_);
    if (free_ == 0) return false;
    --free_;
    return true;
}

bool Semaphore::take_or_enlist(SyncWait& wait) noexcept {
    std::lock_guard lock(mutex_);
    if (free_ == 0) {
        waiting_.push(wait);
        return false;
    }
    --free_;
    return true;
}

void Semaphore::delist(SyncWait& wait) noexcept {
    std::lock_guard lock(mutex_);
    waiting_.remove(wait);
}

void Semaphore::release() noexcept {
    SyncWait* next = nullptr;
    {
        std::lock_guard lock(mutex_);
        next = waiting_.claim_first();
        if (next == nullptr) ++free_;
    }
    release_all(next);
}

}  // namespace spindle::runtime
