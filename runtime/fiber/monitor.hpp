// SPDX-License-Identifier: Apache-2.0
//
// The thread that holds no processor and watches those that do (Go's sysmon): takes a processor from a
// machine that has been in one handler longer than `handoff_after`, whether it computes or is blocked in
// the kernel, and hands it to another machine; and leads the drain, which needs a clock that no handler
// can stop.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include "runtime/fiber/scheduler.hpp"

namespace spindle::runtime {

class Monitor {
  public:
    Monitor(Scheduler& scheduler, const Service& service, std::chrono::nanoseconds handoff_after,
            std::atomic<bool>& drain_requested);
    ~Monitor();  ///< Ends the thread.

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds kDozeAfter{100};  ///< of everybody sleeping
    static constexpr std::chrono::seconds kAbandonAfter{1};

    /// What was seen of a processor at the last look.
    struct Look {
        std::uint64_t word = 0;
        Clock::time_point since{};
        bool refused = false;  ///< no machine was to be had; told once a stall
    };

    void watch();
    bool look_at_processors(Clock::time_point now);
    void hand_off(Processor& processor, Look& look, Clock::time_point now);
    void kick_stuck_machines();
    void lead_drain(Clock::time_point now);
    void doze();

    Scheduler& scheduler_;
    const Service& service_;
    const std::chrono::nanoseconds handoff_after_;
    std::atomic<bool>& drain_requested_;
    std::vector<Look> looks_;
    std::optional<Clock::time_point> drain_deadline_;
    bool cancelled_ = false;
    std::atomic<bool> ending_{false};
    std::thread thread_;
};

}  // namespace spindle::runtime
