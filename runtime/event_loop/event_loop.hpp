// SPDX-License-Identifier: Apache-2.0
//
// The event_loop backend, Node's model: one thread reaps completions, resumes the coroutine that each
// belongs to, runs timers, submits and waits. A long computation in a handler freezes all of it; the
// watchdog says so. Work declared blocking goes to a small pool. More cores: more processes.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "runtime/backend.hpp"

namespace spindle::runtime {

struct EventLoopOptions {
    unsigned worker = 0;  ///< this process' number among its siblings
    unsigned blocking_threads = 4;
    std::size_t blocking_queue_max = 1024;  ///< jobs that wait while all threads are at work
    std::chrono::nanoseconds lag_warning = std::chrono::milliseconds(100);
    CounterSlots* counters = nullptr;  ///< a slot for each sibling; null: an own one
};

[[nodiscard]] std::unique_ptr<Backend> make_event_loop(const EventLoopOptions& options);

}  // namespace spindle::runtime
