// SPDX-License-Identifier: Apache-2.0
//
// The waits for other flows that began on one worker, so that deadlines and the drain find them. Unlike the
// reactor's own wheel it has a lock: a flow that was woken on another worker takes itself out from there.
// Only the owner adds and fires, so nobody has to wake it for an earlier deadline.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "runtime/reactor/timer_wheel.hpp"
#include "runtime/small_mutex.hpp"

namespace spindle::runtime {

class SyncWait;

class WaitRegistry {
  public:
    /// Owner only; in ticks. No deadline (0): it stands here only for the drain.
    void add(SyncWait& wait, std::uint64_t now, std::uint64_t deadline) noexcept;
    /// Any thread. Afterwards neither timer nor drain touches the wait.
    void remove(SyncWait& wait) noexcept;

    /// Owner only: a tick by which advance() should be called.
    [[nodiscard]] std::optional<std::uint64_t> next_expiry() noexcept;
    /// Owner only, in the runtime: ends with ETIMEDOUT what is due.
    void advance(std::uint64_t now) noexcept;
    /// Owner only, in the runtime: ends all with ECANCELED.
    void cancel_all() noexcept;

  private:
    static void fired(Timer& timer, Fired reason);
    void forget(const Timer& timer) noexcept;
    void release_fired(SyncWait* chain) noexcept;

    SmallMutex mutex_;
    TimerWheel wheel_;                    // by mutex_
    SyncWait* fired_ = nullptr;           // by mutex_: claimed by the timer, newest first
    std::atomic<unsigned> deadlines_{0};  // written under mutex_: waits that have one
};

}  // namespace spindle::runtime
