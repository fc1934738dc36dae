// SPDX-License-Identifier: Apache-2.0
#include "runtime/spawn.hpp"

#include <utility>

#include "runtime/io.hpp"

namespace spindle::runtime {

void spawn(task<void> flow, const char* route) {
    const RuntimeScope in_runtime;
    current_worker().spawn(std::move(flow), route);
}

void spawn_light(task<void> flow) { spawn(std::move(flow), nullptr); }

bool YieldAwaiter::await_ready() noexcept {
    current_worker().enter_runtime();
    left = has_left;
    Worker& worker = current_worker();
    if (!worker.must_park() || !worker.prepare_park(waiter_)) return false;
    worker.on_departure(*this);
    worker.park();
    return true;
}

void YieldAwaiter::await_suspend(std::coroutine_handle<> coroutine) noexcept {
    Worker& worker = current_worker();
    worker.suspend(waiter_, coroutine);
    worker.on_departure(*this);
}

void YieldAwaiter::has_left(Departure& departure) noexcept {
    current_worker().make_runnable_last(static_cast<YieldAwaiter&>(departure).waiter_);
}

}  // namespace spindle::runtime
