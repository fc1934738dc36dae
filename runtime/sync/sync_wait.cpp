// SPDX-License-Identifier: Apache-2.0
#include "runtime/sync/sync_wait.hpp"

#include <utility>

#include "runtime/reactor/reactor.hpp"
#include "runtime/scope.hpp"

namespace spindle::runtime {

// ---- the word

SyncWait::SyncWait() noexcept { left = has_left; }

bool SyncWait::claim(int code) noexcept {
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    do {
        if ((seen & kDecided) != 0) return false;
    } while (!state_.compare_exchange_weak(seen, seen | kDecided | static_cast<std::uint32_t>(code) << 3,
                                           std::memory_order_acq_rel, std::memory_order_relaxed));
    return true;
}

void SyncWait::release() noexcept {
    Worker& home = *home_;
    FlowWaiter& waiter = waiter_;
    if ((state_.fetch_or(kReady, std::memory_order_acq_rel) & kLeft) == 0) return;
    if (Worker* here = current_worker_or_null()) here->make_runnable(waiter);
    else home.make_runnable_from_outside(waiter);
}

void SyncWait::has_left(Departure& departure) noexcept {
    SyncWait& self = static_cast<SyncWait&>(departure);
    FlowWaiter& waiter = self.waiter_;
    if ((self.state_.fetch_or(kLeft, std::memory_order_acq_rel) & kReady) != 0) current_worker().make_runnable(waiter);
}

void release_all(SyncWait* chain) noexcept {
    if (chain == nullptr) return;
    const RuntimeCall inside;
    while (chain != nullptr) std::exchange(chain, chain->chain)->release();
}

// ---- the primitive's list

void WaitList::push(SyncWait& wait) noexcept {
    wait.list_next_ = nullptr;
    wait.list_previous_ = tail_;
    wait.listed_ = true;
    (tail_ == nullptr ? head_ : tail_->list_next_) = &wait;
    tail_ = &wait;
}

void WaitList::remove(SyncWait& wait) noexcept {
    if (!std::exchange(wait.listed_, false)) return;
    (wait.list_previous_ == nullptr ? head_ : wait.list_previous_->list_next_) = wait.list_next_;
    (wait.list_next_ == nullptr ? tail_ : wait.list_next_->list_previous_) = wait.list_previous_;
}

SyncWait* WaitList::claim_first(int code) noexcept {
    while (head_ != nullptr) {
        SyncWait& wait = *head_;
        remove(wait);
        if (!wait.claim(code)) continue;  // cancelled, and about to take itself out
        wait.chain = nullptr;
        return &wait;
    }
    return nullptr;
}

SyncWait* WaitList::claim_all(int code) noexcept {
    SyncWait* first = claim_first(code);
    for (SyncWait* last = first; last != nullptr; last = last->chain) last->chain = claim_first(code);
    return first;
}

// ---- the awaitable

bool SyncAwaiter::await_ready() noexcept {
    if (take()) return true;
    current_worker().enter_runtime();
    Worker& worker = current_worker();
    entered_ = true;
    if (ending_ == Ending::ordinary) {
        scope_ = worker.scope();
        refused_ = worker.reactor().stopping() ? ECANCELED : Scope::refuses(scope_);
        if (refused_ != 0) return true;
    }
    if (!worker.must_park() || !worker.prepare_park(waiter_)) return false;
    if (!begin(worker)) {
        worker.unprepare_park();
        return true;
    }
    worker.park();
    return true;
}

bool SyncAwaiter::await_suspend(std::coroutine_handle<> coroutine) noexcept {
    Worker& worker = current_worker();
    worker.suspend(waiter_, coroutine);
    return begin(worker);
}

// Once enlisted the wait may be claimed at any time, but the flow cannot go on before it has departed.
bool SyncAwaiter::begin(Worker& worker) noexcept {
    home_ = &worker;
    if (take_or_enlist()) return false;
    waited_ = true;
    if (ending_ == Ending::ordinary) {
        bool cut = false;
        worker.reactor().add_sync_wait(*this, Scope::limit(scope_, timeout_, cut));
        const int ended = Scope::begin_wait(scope_, *this);
        if (ended != 0 && claim(ended)) release();
    }
    worker.on_departure(*this);
    return true;
}

int SyncAwaiter::finish() noexcept {
    if (!entered_) return 0;
    int ended = refused_;
    if (waited_) {
        if (ending_ == Ending::ordinary) {
            home_->reactor().remove_sync_wait(*this);
            Scope::end_wait(scope_);
        }
        ended = code();
        if (ended != 0) delist();
    }
    current_worker().leave_runtime();
    return ended;
}

}  // namespace spindle::runtime
