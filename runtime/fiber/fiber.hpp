// SPDX-License-Identifier: Apache-2.0
//
// G: a flow of control, one for each connection. It lives in the promise of its root coroutine and, at
// the keep-alive boundary, is all that the scheduler keeps of the connection: it has no stack of its
// own. Only while it waits inside a handler does it hold the stack that the handler stands on.
#pragma once

#include <coroutine>
#include <cstdint>

namespace spindle::runtime {

class Scope;
struct Stack;

/// Touched by one machine at a time; queues and wake-ups order one machine's writes before the next's reads.
struct Fiber {
    Fiber* next = nullptr;              ///< whichever queue holds it
    std::coroutine_handle<> coroutine;  ///< what to resume, unless parked
    Stack* stack = nullptr;             ///< parked upon it; null: suspended as a coroutine
    const char* route = nullptr;        ///< of the handler it is in; null: in the connection loop
    Scope* scope = nullptr;             ///< bounds its waits; see runtime/scope.hpp
    std::uint64_t runnable_since = 0;   ///< CycleClock
};

}  // namespace spindle::runtime
