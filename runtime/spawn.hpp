// SPDX-License-Identifier: Apache-2.0
//
// New flows of control, and giving way to others.
//
//     task<void> ask(Channel<int>& answers) { … }
//     spawn(ask(answers));                // runs beside the caller
//     co_await yield();                   // lets others run first
//
// A spawned flow belongs to nobody: who wants to know of its end gives it a WaitGroup or a Channel (sync.hpp).
// It counts in the drain as a connection does: run() ends when it has ended, and its waits are cancelled at
// the drain deadline. What it throws and does not catch goes to Service::on_exception.
// On runtime threads only, and not inside a blocking() job.
#pragma once

#include "runtime/task.hpp"
#include "runtime/worker.hpp"

namespace spindle::runtime {

/// Begins `flow` on the current worker; it runs when the caller waits or ends, or on another processor.
/// It is user code: it may compute and block, and under `fiber` its waits keep its stack. `route` is shown in
/// warnings and must outlive the flow.
void spawn(task<void> flow, const char* route = "(spawned)");

/// The same for code that never computes for long and never blocks, as the connection loop is: under `fiber`
/// nothing can be handed off while it runs, and its waits give the stack back (a few hundred bytes each).
/// It becomes user code wherever it opens a HandlerScope.
void spawn_light(task<void> flow);

/// co_await → void: goes behind all that are runnable on this worker.
class YieldAwaiter : Departure {
  public:
    bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> coroutine) noexcept;
    void await_resume() noexcept { current_worker().leave_runtime(); }

  private:
    static void has_left(Departure& departure) noexcept;
    FlowWaiter waiter_;
};
[[nodiscard]] inline YieldAwaiter yield() noexcept { return {}; }

}  // namespace spindle::runtime
