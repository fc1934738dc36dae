// SPDX-License-Identifier: Apache-2.0
//
// What all awaitables of the runtime share: one wait with a time limit. Under `fiber` it parks inside a
// handler (await_ready returns when the wait is over); everywhere else it suspends the coroutine.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>

#include "runtime/reactor/operation.hpp"
#include "runtime/reactor/reactor.hpp"

namespace spindle::runtime {

/// Any single wait of the runtime: an operation with a time limit, as an awaitable. `Filer` files it.
/// Parks inside a handler under `fiber`, suspends the coroutine elsewhere.
class WaitAwaiter {
  public:
    bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> coroutine) noexcept;

  protected:
    explicit WaitAwaiter(std::chrono::nanoseconds timeout) noexcept : timeout_(timeout) {
        wait_.on_complete = complete_wait;
    }
    ~WaitAwaiter() = default;
    /// Files wait_ and sets in_flight, or does nothing for a mere sleep.
    virtual void file(Reactor& reactor) noexcept = 0;
    /// After the wait, before its result is read: back into the handler, if one awaits.
    [[nodiscard]] std::int32_t finish() noexcept;

    [[no_unique_address]] Wait wait_{};  // the flags below fit behind it
    bool cut_ = false;                   ///< the time limit was a scope's deadline, nearer than the wait's own

  private:
    void start(Worker& worker) noexcept;
    bool scoped_ = false;  // registered in the flow's scope
    std::chrono::nanoseconds timeout_;
};

}  // namespace spindle::runtime
