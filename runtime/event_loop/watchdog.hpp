// SPDX-License-Identifier: Apache-2.0
//
// Notices, from a thread of its own, that the loop has been in one callback longer than `lag_warning`,
// while it still is, and looks where. The loop only stores two words a callback; the watchdog does the
// looking. It also ends a process whose last handler does not come back after the drain time.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "runtime/backtrace.hpp"
#include "runtime/worker_counters.hpp"

namespace spindle::runtime {

/// What the loop publishes. Written by the loop thread, read by the watchdog.
struct LoopPulse {
    std::atomic<std::uint64_t> callbacks{0};  ///< odd while one runs
    std::atomic<const char*> route{nullptr};  ///< of the handler that runs
    int thread = 0;                           ///< gettid(); before the watchdog begins
};

class Watchdog {
  public:
    /// A callback that is too long, and goes on. `frames`: where it is; at most once a second for the same route.
    struct Sighting {
        const char* route;
        std::chrono::nanoseconds lasted;
        const Backtrace& frames;
    };

    /// When the process is to end and how long it may take; the loop may be stuck before it hears of it.
    struct Drain {
        const std::atomic<bool>& requested;
        std::chrono::nanoseconds abandon_after;
        std::function<void()> abandon;  ///< called on the watchdog's thread, unless the watchdog is destroyed before
    };

    /// `stalled` is called once a stall, on the watchdog's thread. Writes threads_stuck and stuck.
    Watchdog(Drain drain, const LoopPulse& pulse, std::chrono::nanoseconds lag_warning, WorkerCounters& counters,
             std::function<void(const Sighting&)> stalled);
    ~Watchdog();

    /// The route that was seen in callback number `callback` (LoopPulse::callbacks) when it was too long already;
    /// null: nothing was seen. Later ones in the same callback are not to blame. Any thread.
    [[nodiscard]] const char* blamed(std::uint64_t callback) const noexcept;

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds kSleepMax{100};
    static constexpr std::chrono::seconds kLookEvery{1};  ///< for a backtrace, which interrupts the loop
    static constexpr std::chrono::milliseconds kLookTimeout{200};

    void watch();
    void see(std::uint64_t callback, std::chrono::nanoseconds lasted, Clock::time_point now);
    void show(std::uint64_t stuck, const char* route) noexcept;

    const Drain drain_;
    const LoopPulse& pulse_;
    const std::chrono::nanoseconds lag_warning_;
    WorkerCounters& counters_;
    std::function<void(const Sighting&)> stalled_;
    Clock::time_point looked_ = Clock::time_point::min();  // the watchdog's thread only, as is the next
    const char* looked_at_ = nullptr;
    std::atomic<const char*> blamed_route_{nullptr};
    std::atomic<std::uint64_t> blamed_callback_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;  // guarded by mutex_
    std::thread thread_;
};

}  // namespace spindle::runtime
