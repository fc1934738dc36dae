// SPDX-License-Identifier: Apache-2.0
//
// G: a flow of control, one for each connection. It lives in the promise of its root coroutine and, at
// the keep-alive boundary, is all that the scheduler keeps of the connection: it has no stack of its
// own. Only while it waits inside a handler does it hold the stack that the handler stands on.
#pragma once

#include <coroutine>
#include <cstdint>

#include "runtime/flow.hpp"

namespace spindle::runtime {

struct Stack;

/// Touched by one machine at a time; queues and wake-ups order one machine's writes before the next's reads.
/// `stack` is also read by an Inspection, which orders itself by the flow's mark: it is set before the fiber
/// is marked as waiting or runnable, and cleared after it is marked as running.
struct Fiber : Flow {
    Fiber* next = nullptr;              ///< whichever queue holds it
    std::coroutine_handle<> coroutine;  ///< what to resume, unless parked
    Shown<Stack*> stack;                ///< parked upon it; null: suspended as a coroutine
    std::uint64_t runnable_since = 0;   ///< CycleClock
};

}  // namespace spindle::runtime
