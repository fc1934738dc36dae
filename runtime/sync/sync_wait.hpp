// SPDX-License-Identifier: Apache-2.0
//
// One wait of a flow of control for another one: what the primitives in sync.hpp are made of.
//
// Three may want to end it, each on a thread of its own: a notifier (the primitive), the timer of the worker
// where it began (deadline, drain), and the flow's scope (cancellation). One atomic word decides.
//
// - *claim*: one compare-exchange; who wins says how the wait ends, the others do nothing.
// - *release* by the winner, when all that the flow will read has been written (an item handed over). The
//   other half is the flow's *departure* from its stack or coroutine: whoever comes second of the two makes
//   the flow runnable, on the worker it stands on. So a woken flow never waits for a busy home processor.
// - The flow, when it runs again, takes itself out of every list. It takes each list's lock to do so: whoever
//   holds that lock may therefore look at the wait, also having lost.
//
// The lists: the primitive's (under the primitive's lock), the worker's registry (wait_registry.hpp), the
// scopes'. Inside these locks nothing suspends and no user code runs, so that they are ordinary mutexes.
#pragma once

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstdint>

#include "runtime/error.hpp"
#include "runtime/reactor/timer_wheel.hpp"
#include "runtime/worker.hpp"

namespace spindle::runtime {

class Reactor;
class Scope;
class WaitList;
class WaitRegistry;

class SyncWait : public Timer, public Departure {
  public:
    SyncWait() noexcept;

    /// How the wait ends: 0 (notified) or an errno. False: somebody else was first. Any thread that holds the
    /// lock of a list that the wait stands in.
    [[nodiscard]] bool claim(int code) noexcept;

    /// Lets the flow go on after a claim that won; the wait is gone then. In the runtime, or on a thread
    /// that is no worker.
    void release() noexcept;

    WaitRegistry* registry = nullptr;  ///< where its timer stands; the registry's
    SyncWait* chain = nullptr;         ///< of claimed waits that are to be released; the claimer's

  protected:
    [[nodiscard]] int code() const noexcept { return static_cast<int>(state_.load(std::memory_order_acquire) >> 3); }
    FlowWaiter waiter_;
    Worker* home_ = nullptr;  // where it began; written before anybody else can see the wait

  private:
    friend class WaitList;
    static constexpr std::uint32_t kLeft = 1;     ///< the flow has left its stack or coroutine
    static constexpr std::uint32_t kReady = 2;    ///< released
    static constexpr std::uint32_t kDecided = 4;  ///< claimed; the code stands above these bits

    static void has_left(Departure& departure) noexcept;

    std::atomic<std::uint32_t> state_{0};
    SyncWait* list_next_ = nullptr;  // by the primitive's lock, as are the next two
    SyncWait* list_previous_ = nullptr;
    bool listed_ = false;
};

/// The waits of a primitive, first in first out. Under the primitive's lock.
class WaitList {
  public:
    [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
    void push(SyncWait& wait) noexcept;
    /// Takes `wait` out if it is in.
    void remove(SyncWait& wait) noexcept;
    /// Claims the oldest wait that can be claimed, with `code`, and takes it out; null if there is none.
    [[nodiscard]] SyncWait* claim_first(int code = 0) noexcept;
    /// Claims all; chained, oldest first.
    [[nodiscard]] SyncWait* claim_all(int code = 0) noexcept;

  private:
    SyncWait* head_ = nullptr;
    SyncWait* tail_ = nullptr;
};

/// From user code into the runtime and back; no effect on a thread that is no worker. Must not stand around a
/// wait, nor inside a lock.
class RuntimeCall {
  public:
    RuntimeCall() noexcept {
        if (Worker* worker = current_worker_or_null()) worker->enter_runtime();
    }
    ~RuntimeCall() {
        if (Worker* worker = current_worker_or_null()) worker->leave_runtime();
    }
    RuntimeCall(const RuntimeCall&) = delete;
    RuntimeCall& operator=(const RuntimeCall&) = delete;
};

/// Releases a chain of claimed waits (null: none) from user code.
void release_all(SyncWait* chain) noexcept;

/// Whether a wait heeds deadlines, cancellation and the drain.
enum class Ending : std::uint8_t { ordinary, only_notified };

/// What the awaitables of the primitives share. Parks inside a handler under `fiber`, suspends elsewhere.
class SyncAwaiter : public SyncWait {
  public:
    bool await_ready() noexcept;
    bool await_suspend(std::coroutine_handle<> coroutine) noexcept;

  protected:
    /// Zero timeout: none.
    explicit SyncAwaiter(std::chrono::nanoseconds timeout, Ending ending = Ending::ordinary) noexcept
        : timeout_(timeout), ending_(ending) {}
    ~SyncAwaiter() = default;

    /// What is waited for is to be had now and was taken.
    virtual bool take() noexcept = 0;
    /// The same, or the wait was put into the primitive's list; in the runtime.
    virtual bool take_or_enlist() noexcept = 0;
    /// The wait ended otherwise: take it out of the primitive's list, if it is still there.
    virtual void delist() noexcept = 0;

    /// After the wait: 0, ECANCELED, ETIMEDOUT, or what the notifier said. Back into the handler.
    [[nodiscard]] int finish() noexcept;

  private:
    [[nodiscard]] bool begin(Worker& worker) noexcept;

    std::chrono::nanoseconds timeout_;
    Scope* scope_ = nullptr;
    int refused_ = 0;
    Ending ending_;
    bool entered_ = false;
    bool waited_ = false;
};

}  // namespace spindle::runtime
