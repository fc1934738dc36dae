// SPDX-License-Identifier: Apache-2.0
#include "runtime/wait_awaiter.hpp"

#include "runtime/worker.hpp"

namespace spindle::runtime {

bool WaitAwaiter::await_ready() noexcept {
    current_worker().enter_runtime();
    Worker& worker = current_worker();
    if (worker.reactor().stopping()) {
        wait_.result = -ECANCELED;
        return true;
    }
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
    reactor.start_timer(wait_, timeout_);
}

std::int32_t WaitAwaiter::finish() noexcept {
    current_worker().leave_runtime();
    return wait_.result;
}

}  // namespace spindle::runtime
