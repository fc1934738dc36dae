// SPDX-License-Identifier: Apache-2.0
#include "runtime/sync/wait_registry.hpp"

#include <cerrno>
#include <utility>

#include "runtime/sync/sync_wait.hpp"

namespace spindle::runtime {

void WaitRegistry::add(SyncWait& wait, std::uint64_t now, std::uint64_t deadline) noexcept {
    wait.fire = fired;
    wait.registry = this;
    std::lock_guard lock(mutex_);
    if (deadline == 0) {
        wheel_.keep(wait);
        return;
    }
    if (deadlines_.load(std::memory_order_relaxed) == 0) wheel_.advance(now);  // fires nothing
    wheel_.schedule(wait, deadline);
    deadlines_.fetch_add(1, std::memory_order_relaxed);
}

void WaitRegistry::remove(SyncWait& wait) noexcept {
    std::lock_guard lock(mutex_);
    if (!wait.scheduled()) return;
    wait.unlink();
    forget(wait);
}

void WaitRegistry::forget(const Timer& timer) noexcept {
    if (timer.deadline != 0) deadlines_.fetch_sub(1, std::memory_order_relaxed);
}

std::optional<std::uint64_t> WaitRegistry::next_expiry() noexcept {
    if (deadlines_.load(std::memory_order_relaxed) == 0) return std::nullopt;
    std::lock_guard lock(mutex_);
    return wheel_.next_expiry();
}

void WaitRegistry::advance(std::uint64_t now) noexcept {
    if (deadlines_.load(std::memory_order_relaxed) == 0) return;
    SyncWait* chain = nullptr;
    {
        std::lock_guard lock(mutex_);
        wheel_.advance(now);
        chain = std::exchange(fired_, nullptr);
    }
    release_fired(chain);
}

void WaitRegistry::cancel_all() noexcept {
    SyncWait* chain = nullptr;
    {
        std::lock_guard lock(mutex_);
        wheel_.fire_all(Fired::cancelled);
        chain = std::exchange(fired_, nullptr);
    }
    release_fired(chain);
}

void WaitRegistry::fired(Timer& timer, Fired reason) {
    SyncWait& wait = static_cast<SyncWait&>(timer);
    wait.registry->forget(timer);
    if (wait.claim(reason == Fired::due ? ETIMEDOUT : ECANCELED)) {
        wait.chain = std::exchange(wait.registry->fired_, &wait);
    }
}

void WaitRegistry::release_fired(SyncWait* chain) noexcept {
    while (chain != nullptr) std::exchange(chain, chain->chain)->release();
}

}  // namespace spindle::runtime
