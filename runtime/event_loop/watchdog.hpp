// SPDX-License-Identifier: Apache-2.0
//
// Notices, from a thread of its own, that the loop has been in one callback longer than `lag_warning`,
// while it still is. The loop only stores two words a callback; the watchdog does the looking.
// It also ends a process whose last handler does not come back after the drain time.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace spindle::runtime {

/// What the loop publishes. Written by the loop thread, read by the watchdog.
struct LoopPulse {
    std::atomic<std::uint64_t> callbacks{0};  ///< odd while one runs
    std::atomic<const char*> route{nullptr};  ///< of the handler that runs
};

class Watchdog {
  public:
    /// `stalled(route, lasted)` is called once a stall, on the watchdog's thread.
    Watchdog(const LoopPulse& pulse, std::chrono::nanoseconds lag_warning,
             std::function<void(const char* route, std::chrono::nanoseconds lasted)> stalled);
    ~Watchdog();

    /// Calls `abandon` unless the watchdog is destroyed before `when`. Any thread.
    void abandon_at(std::chrono::steady_clock::time_point when, std::function<void()> abandon);

  private:
    void watch();

    const LoopPulse& pulse_;
    const std::chrono::nanoseconds lag_warning_;
    std::function<void(const char*, std::chrono::nanoseconds)> stalled_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;  // guarded by mutex_, as are the next two
    std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
    std::function<void()> abandon_;
    std::thread thread_;
};

}  // namespace spindle::runtime
