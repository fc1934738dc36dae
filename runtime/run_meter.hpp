// SPDX-License-Identifier: Apache-2.0
//
// What a worker measures of itself: how long flows wait for their turn, how long each runs, how much of the
// time it is busy. One reading of the cycle clock a dispatch (the end of a run is the beginning of the next
// one) and one a poll, which the reactor's own clock uses too; no reading where a flow becomes runnable.
//
// Used by the worker's thread alone; what others may read is in WorkerCounters.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/cycle_clock.hpp"
#include "runtime/worker_counters.hpp"

namespace spindle::runtime {

class RunMeter {
  public:
    explicit RunMeter(WorkerCounters& counters) noexcept : counters_(counters) {}

    // ---- by the reactor

    /// It is about to wait in the ring.
    void waits() noexcept {
        counters_.busy.add(CycleClock::since(busy_since_, reading_));
        counters_.busy_since.set(0);
        counters_.runnable.set(0);
    }
    /// It has not looked for so long that it matters what was there meanwhile.
    [[nodiscard]] bool was_away() const noexcept { return CycleClock::since(polled_, reading_) >= kLong; }
    /// It has looked into the ring and found `completions`; `now` is CycleClock's. `waited`: it found none, and
    /// did waits(). `away`: what was_away() said before.
    void polled(std::uint64_t now, bool waited, bool away, std::uint64_t completions) noexcept {
        // What is found without waiting may have been there since the last look, and nobody knows: the worst is
        // assumed, else a frozen loop would seem to delay nobody.
        runnable_since_ = away && !waited ? polled_ : now;
        reading_ = polled_ = now;
        if (waited) {
            busy_since_ = now;
            counters_.busy_since.set(now);
        }
        counters_.runnable.set(completions);
    }

    /// It has received from sockets since: that is no flow's run.
    void received() noexcept { reading_ = CycleClock::now(); }

    // ---- by the backend

    /// The worker begins, or goes on upon another thread; a run that is under way is no longer its own.
    void resume() noexcept {
        reading_ = CycleClock::now();
        running_ = false;
        route_ = nullptr;
        if (counters_.started.read() != 0) return;
        runnable_since_ = polled_ = busy_since_ = reading_;
        counters_.busy_since.set(reading_);
        counters_.started.set(reading_);
    }
    /// Since when what becomes runnable now is: the last reading.
    [[nodiscard]] std::uint64_t runnable_since() const noexcept { return runnable_since_; }

    /// A flow runs that has been runnable since then.
    void begin(std::uint64_t since) noexcept {
        counters_.dispatched.add();
        counters_.delay.record(CycleClock::since(since, reading_));
        running_ = true;
    }
    /// What the flow that runs makes runnable is so since its beginning. For a backend that runs nobody within
    /// a poll.
    void leave_poll() noexcept { runnable_since_ = reading_; }
    /// It is in a handler of `route`, which outlives the run.
    void in(const char* route) noexcept { route_ = route; }
    [[nodiscard]] const char* route() const noexcept { return route_; }
    [[nodiscard]] std::uint64_t reading() const noexcept { return reading_; }

    /// The run that begin() began is over; its length in ns. Nothing without one.
    std::uint64_t end() noexcept {
        if (!running_) return 0;
        const std::uint64_t now = CycleClock::now();
        const std::uint64_t ran = CycleClock::since(reading_, now);
        reading_ = now;
        running_ = false;
        record(ran, route_);
        route_ = nullptr;
        return ran;
    }
    /// A run that was measured elsewhere: of a flow whose worker was taken away.
    void record(std::uint64_t ran, const char* route) noexcept {
        counters_.run.record(ran);
        if (ran > longest_) [[unlikely]]
            note_longest(ran, route);
    }

  private:
    static constexpr std::uint64_t kLong = 1'000'000;  ///< ns

    [[gnu::noinline, gnu::cold]] void note_longest(std::uint64_t ran, const char* route) noexcept {
        longest_ = ran;
        counters_.longest.write(ran, route == nullptr ? std::string_view() : route);
    }

    WorkerCounters& counters_;
    std::uint64_t reading_ = 0;  // the last one of the clock
    std::uint64_t polled_ = 0;   // the reading of the last poll
    std::uint64_t busy_since_ = 0;
    std::uint64_t runnable_since_ = 0;
    std::uint64_t longest_ = 0;
    const char* route_ = nullptr;  // of the last handler in this run
    bool running_ = false;
};

}  // namespace spindle::runtime
