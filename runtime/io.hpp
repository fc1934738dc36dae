// SPDX-License-Identifier: Apache-2.0
//
// The seam between the backends: what handlers may await, and how handlers are bracketed.
//
//     Result<void> slept = co_await sleep_for(10ms);
//     Result<std::size_t> n = co_await read_at(fd, buffer, offset);
//     auto work = [] { return ask_a_slow_library(); };
//     Result<int> answer = co_await blocking(work);
//
// Each awaitable does its fast path first and waits only if it must. Under `event_loop` waiting suspends
// the coroutine. Under `fiber` waiting inside a handler parks the fiber with its stack (the coroutine
// never notices), and waiting in the connection loop suspends the coroutine and gives the stack back.
// On runtime threads only. May resume on another thread: keep no pointer to thread-local data across.
#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <span>
#include <type_traits>

#include <linux/openat2.h>

#include "runtime/error.hpp"
#include "runtime/scope.hpp"
#include "runtime/wait_awaiter.hpp"
#include "runtime/worker.hpp"

namespace spindle::runtime {

/// Who runs the calling code. `thread` is gettid().
struct WorkerIdentity {
    const char* backend;
    unsigned worker;
    int thread;
};
[[nodiscard]] WorkerIdentity current_identity() noexcept;

/// Brackets user code: inside, a fiber's processor may be handed to another machine.
class HandlerScope {
  public:
    /// `route` is shown in warnings and must outlive the scope.
    explicit HandlerScope(const char* route) noexcept { current_worker().begin_handler(route); }
    ~HandlerScope() { current_worker().end_handler(); }
    HandlerScope(const HandlerScope&) = delete;
    HandlerScope& operator=(const HandlerScope&) = delete;
};

/// The opposite, for what user code calls of the pipeline; no effect outside of user code.
class RuntimeScope {
  public:
    RuntimeScope() noexcept { current_worker().enter_runtime(); }
    ~RuntimeScope() { current_worker().leave_runtime(); }
    RuntimeScope(const RuntimeScope&) = delete;
    RuntimeScope& operator=(const RuntimeScope&) = delete;
};

/// co_await → Result<void>; at least that long, in steps of 1 ms. Holds no thread. ECANCELED: stopping, or the
/// scope was cancelled; ETIMEDOUT: the scope's deadline came first.
class SleepAwaiter final : public WaitAwaiter {
  public:
    explicit SleepAwaiter(std::chrono::nanoseconds duration) noexcept : WaitAwaiter(duration) {}
    Result<void> await_resume() noexcept;

  private:
    void file(Reactor&) noexcept override {}
};
[[nodiscard]] inline SleepAwaiter sleep_for(std::chrono::nanoseconds duration) noexcept {
    // Zero means "no deadline" to the reactor.
    return SleepAwaiter(std::max(duration, std::chrono::nanoseconds(1)));
}

/// co_await → Result<size_t>: bytes read at `offset`, 0 at the end. From the page cache at once
/// (preadv2 RWF_NOWAIT), else through the ring.
class ReadAwaiter final : public WaitAwaiter {
  public:
    ReadAwaiter(int descriptor, std::span<char> into, std::uint64_t offset) noexcept
        : WaitAwaiter(std::chrono::nanoseconds::zero()), descriptor_(descriptor), into_(into), offset_(offset) {}
    bool await_ready() noexcept;
    Result<std::size_t> await_resume() noexcept;

  private:
    void file(Reactor& reactor) noexcept override;
    int descriptor_;
    std::span<char> into_;
    std::uint64_t offset_;
    std::optional<Result<std::size_t>> at_once_;
};
[[nodiscard]] inline ReadAwaiter read_at(int descriptor, std::span<char> into, std::uint64_t offset) noexcept {
    return {descriptor, into, offset};
}

/// co_await → Result<int>: openat2(2) beneath `directory` as `how` says; the caller owns the descriptor.
/// From the dentry cache at once (RESOLVE_CACHED, Linux 5.12), else through the ring. `path` and `how`
/// must stay until then.
class OpenAwaiter final : public WaitAwaiter {
  public:
    OpenAwaiter(int directory, const char* path, const open_how& how) noexcept
        : WaitAwaiter(std::chrono::nanoseconds::zero()), directory_(directory), path_(path), how_(how) {}
    bool await_ready() noexcept;
    Result<int> await_resume() noexcept;

  private:
    void file(Reactor& reactor) noexcept override;
    int directory_;
    const char* path_;
    open_how how_;
    std::optional<Result<int>> at_once_;
};
[[nodiscard]] inline OpenAwaiter open_beneath(int directory, const char* path, const open_how& how) noexcept {
    return {directory, path, how};
}

/// co_await → Result<what f returns>. Runs f where blocking harms nobody: on the pool under `event_loop`,
/// on this thread with the processor given away under `fiber`. EAGAIN: the pool's queue is full; ECANCELED or
/// ETIMEDOUT: the scope had ended before. What f does is not interrupted, what it throws is rethrown. It runs
/// on no worker: it may not wait, but it may notify (send on a channel, end a wait group).
template <typename F>
class BlockingAwaiter : BlockingJob {
  public:
    using Value = std::invoke_result_t<F>;

    explicit BlockingAwaiter(F f) : f_(std::move(f)) {
        run = [](BlockingJob& job) noexcept { static_cast<BlockingAwaiter&>(job).call(); };
    }
    bool await_ready() noexcept {
        current_worker().enter_runtime();
        refused_ = Scope::refuses(current_worker().scope());
        return refused_ != 0 || current_worker().run_blocking_here(*this);
    }
    bool await_suspend(std::coroutine_handle<> coroutine) noexcept {
        queued_ = current_worker().queue_blocking(*this, coroutine);
        return queued_;
    }
    Result<Value> await_resume() {
        current_worker().leave_runtime();
        if (refused_ != 0) return failure(refused_);
        if (!queued_) return failure(EAGAIN);
        if (exception_) std::rethrow_exception(exception_);
        if constexpr (std::is_void_v<Value>) return {};
        else return std::move(*value_);
    }

  private:
    void call() noexcept {
        try {
            if constexpr (std::is_void_v<Value>) f_();
            else value_.emplace(f_());
        } catch (...) {
            exception_ = std::current_exception();
        }
    }

    F f_;
    std::optional<std::conditional_t<std::is_void_v<Value>, char, Value>> value_;
    std::exception_ptr exception_;
    int refused_ = 0;
    bool queued_ = true;
};
template <typename F>
[[nodiscard]] BlockingAwaiter<F> blocking(F f) {
    return BlockingAwaiter<F>(std::move(f));
}

}  // namespace spindle::runtime
