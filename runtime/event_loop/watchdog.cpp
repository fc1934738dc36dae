// SPDX-License-Identifier: Apache-2.0
#include "runtime/event_loop/watchdog.hpp"

#include <algorithm>

namespace spindle::runtime {

Watchdog::Watchdog(const LoopPulse& pulse, std::chrono::nanoseconds lag_warning,
                   std::function<void(const char*, std::chrono::nanoseconds)> stalled)
    : pulse_(pulse), lag_warning_(lag_warning), stalled_(std::move(stalled)), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void Watchdog::abandon_at(std::chrono::steady_clock::time_point when, std::function<void()> abandon) {
    {
        std::lock_guard lock(mutex_);
        deadline_ = when;
        abandon_ = std::move(abandon);
    }
    changed_.notify_all();
}

// A callback seen at two looks, lag_warning apart, has lasted at least that long; looking four times as
// often tells it at most a quarter late.
void Watchdog::watch() {
    using Clock = std::chrono::steady_clock;
    const auto interval = std::max<std::chrono::nanoseconds>(lag_warning_ / 4, std::chrono::milliseconds(1));
    std::uint64_t seen = 0;
    Clock::time_point since = Clock::now();
    bool told = false;
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        changed_.wait_until(lock, std::min(Clock::now() + interval, deadline_));
        const Clock::time_point now = Clock::now();
        if (now >= deadline_ && !stopping_) abandon_();
        const std::uint64_t callbacks = pulse_.callbacks.load(std::memory_order_acquire);
        if (callbacks != seen || callbacks % 2 == 0) {
            seen = callbacks;
            since = now;
            told = false;
        } else if (!told && now - since >= lag_warning_) {
            told = true;
            stalled_(pulse_.route.load(std::memory_order_relaxed), now - since);
        }
    }
}

}  // namespace spindle::runtime
