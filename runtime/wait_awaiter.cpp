// SPDX-License-Identifier: Apache-2.0
#include "runtime/wait_awaiter.hpp"

#include "runtime/scope.hpp"
#include "runtime/worker.hpp"

namespace spindle::runtime {

bool WaitAwaiter::await_ready() noexcept {
    current_worker().enter_runtime();
    Worker& worker = current_worker();
    scope_ = worker.scope();
    int refused = worker.reactor().stopping() ? ECANCELED : Scope::refuses(scope_);
    if (refused == 0) refused = Scope::begin_wait(scope_, wait_);
    if (refused != 0) {
        cut_ = true;
        wait_.result = -refused;
        return true;
    }
    scoped_ = scope_ != nullptr;
    if (!worker.must_park() || !worker.prepare_park(wait_.waiter)) return false;
    start(worker.reactor());
    worker.park();
    return true;
}

void WaitAwaiter::await_suspend(std::coroutine_handle<> coroutine) noexcept {
    Worker& worker = current_worker();
    worker.suspend(wait_.waiter, coroutine);
    start(worker.reactor());
}

void WaitAwaiter::start(Reactor& reactor) noexcept {
    file(reactor);
    reactor.start_timer_from_now(wait_, Scope::limit(scope_, timeout_, cut_));
}

std::int32_t WaitAwaiter::finish() noexcept {
    if (scoped_) Scope::end_wait(scope_);
    current_worker().leave_runtime();
    return wait_.result;
}

}  // namespace spindle::runtime
