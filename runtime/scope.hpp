// SPDX-License-Identifier: Apache-2.0
//
// Structured cancellation: a scope bounds what the flow of control waits for inside it.
//
//     Scope scope;                                 // of this flow, until the end of the block
//     scope.set_deadline(in(200ms));
//     Result<int> answer = co_await answers.receive();   // ETIMEDOUT after 200 ms at the latest
//
// Ended, by its deadline or by cancel(), a scope ends the wait that is under way and every later one at
// once. Scopes nest; the inner ones end with the outer. Every handler runs in one (Context::scope).
//
// Who may touch what: the flow itself its deadline and its waits; any thread may cancel. A wait of a
// reactor can only be ended by whoever owns the reactor, between flows, so cancelling posts it a message;
// waits of sync.hpp can be claimed from anywhere.
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "runtime/reactor/operation.hpp"
#include "runtime/small_mutex.hpp"

namespace spindle::runtime {

class Reactor;
class SyncWait;

/// Installed in the flow that makes it until destroyed, in the same flow and in reverse order.
class Scope {
  public:
    using Clock = std::chrono::steady_clock;

    Scope() noexcept;
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

    /// Waits inside end with ETIMEDOUT from then on. By the flow itself, outside a wait.
    void set_deadline(Clock::time_point deadline) noexcept;
    [[nodiscard]] std::optional<Clock::time_point> deadline() const noexcept;

    /// Waits inside end with `code`, now and from now on; the first call counts. Any thread.
    void cancel(int code = ECANCELED) noexcept;

    /// The same for code of the runtime that holds locks: null, or a claimed wait, which must be released outside
    /// of them, since its flow may go on at once on another processor.
    [[nodiscard]] SyncWait* begin_cancel(int code) noexcept;

    /// 0, or why waits end at once: what cancel() was given, or ETIMEDOUT. Looks at the outer scopes too.
    [[nodiscard]] int ended() const noexcept;

    /// Called once, in the runtime, before the first wait inside: a place for what only waiting needs.
    void on_first_wait(void (*call)(void*) noexcept, void* with) noexcept {
        first_wait_ = call;
        first_wait_with_ = with;
    }

    // For the awaitables, in the runtime. `scope`: the flow's present one or null.

    /// Why a wait must not begin, or 0.
    [[nodiscard]] static int refuses(Scope* scope) noexcept;
    /// From now on `wait` is what cancel() ends; its home is the reactor of the current worker. Why it must
    /// end at once, or 0: only for a SyncWait does an error mean that it is registered all the same.
    [[nodiscard]] static int begin_wait(Scope* scope, Wait& wait) noexcept;
    [[nodiscard]] static int begin_wait(Scope* scope, SyncWait& wait) noexcept;
    static void end_wait(Scope* scope) noexcept;
    /// `timeout` (zero: none) cut to the nearest deadline, never to zero; `cut` tells whether it was.
    [[nodiscard]] static std::chrono::nanoseconds limit(const Scope* scope, std::chrono::nanoseconds timeout,
                                                        bool& cut) noexcept;

  private:
    struct Message;

    [[nodiscard]] int own_end() const noexcept;
    [[nodiscard]] int note(Wait* wait, SyncWait* sync) noexcept;
    void post_to_home() noexcept;

    Scope* const outer_;
    std::int64_t deadline_ = 0;  ///< ns of Clock; 0: none; the flow's
    void (*first_wait_)(void*) noexcept = nullptr;
    void* first_wait_with_ = nullptr;

    std::atomic<int> code_{0};  // written under mutex_
    SmallMutex mutex_;
    Wait* wait_ = nullptr;  // by mutex_, as are the next three; at most one of wait_ and sync_
    SyncWait* sync_ = nullptr;
    Reactor* home_ = nullptr;  // of wait_
    std::shared_ptr<Message> message_;
};

/// A deadline that far from now.
[[nodiscard]] inline Scope::Clock::time_point in(std::chrono::nanoseconds duration) noexcept {
    return Scope::Clock::now() + duration;
}

}  // namespace spindle::runtime
