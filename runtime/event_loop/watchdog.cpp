// SPDX-License-Identifier: Apache-2.0
#include "runtime/event_loop/watchdog.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace spindle::runtime {

Watchdog::Watchdog(Drain drain, const LoopPulse& pulse, std::chrono::nanoseconds lag_warning, WorkerCounters& counters,
                   std::function<void(const Sighting&)> stalled)
    : drain_(std::move(drain)),
      pulse_(pulse),
      lag_warning_(lag_warning),
      counters_(counters),
      stalled_(std::move(stalled)),
      thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

const char* Watchdog::blamed(std::uint64_t callback) const noexcept {
    return blamed_callback_.load(std::memory_order_acquire) == callback ? blamed_route_.load(std::memory_order_relaxed)
                                                                        : nullptr;
}

// A callback seen at two looks, lag_warning apart, has lasted at least that long; looking four times as
// often tells it at most a quarter late.
void Watchdog::watch() {
    const auto interval =
        std::clamp<std::chrono::nanoseconds>(lag_warning_ / 4, std::chrono::milliseconds(1), kSleepMax);
    Clock::time_point deadline = Clock::time_point::max();
    std::uint64_t seen = 0;
    Clock::time_point since = Clock::now();
    bool told = false;
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        changed_.wait_until(lock, std::min(Clock::now() + interval, deadline));
        const Clock::time_point now = Clock::now();
        if (now >= deadline && !stopping_) drain_.abandon();
        const bool drains = drain_.requested.load(std::memory_order_relaxed);
        if (drains && deadline == Clock::time_point::max()) deadline = now + drain_.abandon_after;
        const std::uint64_t callbacks = pulse_.callbacks.load(std::memory_order_acquire);
        if (callbacks != seen || callbacks % 2 == 0) {
            seen = callbacks;
            since = now;
            if (std::exchange(told, false)) show(0, nullptr);
        } else if (!told && now - since >= lag_warning_) {
            told = true;
            lock.unlock();
            see(callbacks, now - since, now);
            lock.lock();
        }
    }
}

void Watchdog::see(std::uint64_t callback, std::chrono::nanoseconds lasted, Clock::time_point now) {
    const char* route = pulse_.route.load(std::memory_order_relaxed);
    blamed_route_.store(route, std::memory_order_relaxed);
    blamed_callback_.store(callback, std::memory_order_release);
    show(1, route);
    Backtrace frames;
    if (looked_ == Clock::time_point::min() || now - looked_ >= kLookEvery || route != looked_at_) {
        looked_ = now;
        looked_at_ = route;
        frames = capture_backtrace(pulse_.thread, kLookTimeout);
    }
    stalled_({route, lasted, frames});
}

void Watchdog::show(std::uint64_t stuck, const char* route) noexcept {
    counters_.threads_stuck.set(stuck);
    counters_.stuck.write(stuck, route == nullptr ? std::string_view() : route);
}

}  // namespace spindle::runtime
