// SPDX-License-Identifier: Apache-2.0
#include "runtime/wait_awaiter.hpp"

#include "runtime/scope.hpp"
#include "runtime/worker.hpp"

namespace spindle::runtime {

bool WaitAwaiter::await_ready() noexcept {
    current_worker().enter_runtime();
    Worker& worker = current_worker();
    Scope* const scope = worker.scope();
    int refused = worker.reactor().stopping() ? ECANCELED : Scope::refuses(scope);
    if (refused == 0) refused = Scope::begin_wait(scope, wait_);
    if (refused != 0) {
        cut_ = true;
        wait_.result = -refused;
        return true;
    }
    scoped_ = scope != nullptr;
    if (!worker.must_park() || !worker.prepare_park(wait_.waiter)) return false;
    start(worker);
    worker.park();
    return true;
}

void WaitAwaiter::await_suspend(std::coroutine_handle<> coroutine) noexcept {
    Worker& worker = current_worker();
    worker.suspend(wait_.waiter, coroutine);
    start(worker);
}

void WaitAwaiter::start(Worker& worker) noexcept {
    file(worker.reactor());
    worker.reactor().start_timer(wait_, Scope::limit(worker.scope(), timeout_, cut_));
}

std::int32_t WaitAwaiter::finish() noexcept {
    if (scoped_) Scope::end_wait(current_worker().scope());
    current_worker().leave_runtime();
    return wait_.result;
}

}  // namespace spindle::runtime
