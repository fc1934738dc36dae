// SPDX-License-Identifier: Apache-2.0
//
// task<T>: the lazy coroutine that pipeline and handlers are written in.
//
// A task starts when it is awaited, runs on whatever thread resumes it, and hands its value or its
// exception to the one awaiter. It never blocks and knows no backend: what *waiting* means is decided
// by the awaitables in io.hpp. A task must be awaited to its end or never started: destroying one that
// waits for an operation would free memory that the kernel still writes to.
//
// A task that ends without having waited hands back to its awaiter by returning, not by symmetric transfer:
// that needs tail calls, which sanitizers prevent, and a loop of such awaits would then grow the stack.
//
// g++ 12: keep temporaries with destructors out of co_await expressions; name them first.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "runtime/frame_pool.hpp"

namespace spindle::runtime {

template <typename T = void>
class [[nodiscard]] task;

namespace detail {

/// How far a started task has come, as its awaiter needs it.
enum class TaskState : unsigned char { starting, ended_at_once, waiting };

struct TaskPromiseBase : PooledFrame {
    std::coroutine_handle<> continuation;
    std::exception_ptr exception;
    TaskState state = TaskState::starting;

    std::suspend_always initial_suspend() noexcept { return {}; }

    struct FinalAwaiter {
        bool await_ready() noexcept { return false; }
        template <typename Promise>
        void await_suspend(std::coroutine_handle<Promise> finished) noexcept {
            TaskPromiseBase& promise = finished.promise();
            if (promise.state == TaskState::starting) promise.state = TaskState::ended_at_once;
            else promise.continuation.resume();  // which may destroy this frame
        }
        void await_resume() noexcept {}
    };
    FinalAwaiter final_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { exception = std::current_exception(); }
};

template <typename T>
struct TaskPromise : TaskPromiseBase {
    std::optional<T> value;
    task<T> get_return_object() noexcept;
    template <typename U>
    void return_value(U&& result) {
        value.emplace(std::forward<U>(result));
    }
    T&& take() {
        if (exception) std::rethrow_exception(exception);
        return std::move(*value);
    }
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
    task<void> get_return_object() noexcept;
    void return_void() noexcept {}
    void take() {
        if (exception) std::rethrow_exception(exception);
    }
};

}  // namespace detail

/// A lazy coroutine with one awaiter. Movable, owns its frame. Not thread-safe.
template <typename T>
class [[nodiscard]] task {
  public:
    using promise_type = detail::TaskPromise<T>;
    using Handle = std::coroutine_handle<promise_type>;

    explicit task(Handle handle) noexcept : handle_(handle) {}
    task(task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    task& operator=(task&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~task() {
        if (handle_) handle_.destroy();
    }

    /// Starts the task and suspends the awaiter until it ends; rethrows what the task threw. The value stays in the
    /// task (an xvalue): as a temporary it would have a place of its own in each awaiter's frame.
    auto operator co_await() const noexcept {
        struct Awaiter {
            Handle handle;
            bool await_ready() const noexcept { return false; }
            bool await_suspend(std::coroutine_handle<> awaiting) noexcept {
                promise_type& promise = handle.promise();
                promise.continuation = awaiting;
                handle.resume();
                if (promise.state == detail::TaskState::ended_at_once) return false;
                // Nobody resumes it before this thread has come back to its loop.
                promise.state = detail::TaskState::waiting;
                return true;
            }
            std::add_rvalue_reference_t<T> await_resume() { return handle.promise().take(); }
        };
        return Awaiter{handle_};
    }

    /// Gives up the frame to a scheduler, which then resumes and destroys it.
    Handle release() noexcept { return std::exchange(handle_, nullptr); }

  private:
    Handle handle_;
};

namespace detail {
template <typename T>
task<T> TaskPromise<T>::get_return_object() noexcept {
    return task<T>{std::coroutine_handle<TaskPromise<T>>::from_promise(*this)};
}
inline task<void> TaskPromise<void>::get_return_object() noexcept {
    return task<void>{std::coroutine_handle<TaskPromise<void>>::from_promise(*this)};
}
}  // namespace detail

}  // namespace spindle::runtime
