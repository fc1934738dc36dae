// SPDX-License-Identifier: Apache-2.0
//
// The coroutine at the bottom of a flow of control: runs a task to its end, then tells its backend and
// frees itself. `Payload` is what the backend keeps with each flow (a Fiber), so that one allocation
// holds both.
#pragma once

#include <coroutine>

#include "runtime/frame_pool.hpp"
#include "runtime/task.hpp"

namespace spindle::runtime {

template <typename Payload>
class Root {
  public:
    struct promise_type : PooledFrame {
        Payload payload{};
        Root get_return_object() noexcept { return Root(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        // The pipeline lets nothing out; what comes here is a bug.
        [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
    };

    [[nodiscard]] std::coroutine_handle<> handle() const noexcept { return handle_; }
    [[nodiscard]] Payload& payload() const noexcept { return handle_.promise().payload; }

  private:
    explicit Root(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

}  // namespace spindle::runtime
