// SPDX-License-Identifier: Apache-2.0
//
// The thread that holds no processor and watches those that do (Go's sysmon). It takes a processor from a
// machine that has been in one handler too long, whether it computes or is blocked in the kernel, and hands it to
// another machine; makes stuck machines let the kernel run what completes on them; and leads the drain, which
// needs a clock that no handler can stop.
//
// When a processor is taken. Nobody suffers while nothing waits on it, so then only after kUnneededAfter times
// `handoff_after`. Else after `handoff_after` for a handler that computes, which may end any moment; and after
// two looks (kLook apart) for one that is blocked: its thread used no CPU time between them, so it will not end
// sooner than what it waits for.
//
// How often it looks. Every kLook while something was suspicious or some machine is away, so that a hand-off is
// at most that late; else every `handoff_after`, but at least every kRestMax, for it leads the drain too; not at all
// while every processor sleeps and nobody is away.
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
    static constexpr std::chrono::microseconds kLook{100};
    static constexpr std::chrono::milliseconds kRestMax{10};
    static constexpr std::chrono::milliseconds kWatchfulFor{10};  ///< after something happened
    static constexpr int kUnneededAfter = 10;
    static constexpr std::chrono::milliseconds kKickEvery{1};
    static constexpr std::chrono::milliseconds kSpreadEvery{4};
    static constexpr std::chrono::milliseconds kDozeAfter{100};  ///< of everybody sleeping

    /// What was seen of a processor in one stay in user code.
    struct Look {
        std::uint64_t word = 0;
        Clock::time_point since{};
        Clock::time_point cpu_time_at{};  ///< when cpu_time was read; the epoch: not yet
        std::chrono::nanoseconds cpu_time{};
        bool refused = false;  ///< no machine was to be had; told once a stall
    };
    /// What was seen of a machine that is away.
    struct Away {
        Clock::time_point kicked_at{};
        std::chrono::nanoseconds cpu_time{};  ///< then
        bool computes = false;                ///< since then
    };
    /// The machines away that compute on one CPU.
    struct ComputingOn {
        int cpu;
        const Machine* last = nullptr;
        unsigned count = 0;
    };

    void watch();
    [[nodiscard]] bool look_at_processors(Clock::time_point now);
    [[nodiscard]] bool too_long(Processor& processor, Look& look, Clock::time_point now);
    [[nodiscard]] static bool is_needed(const Processor& processor, Clock::time_point now);
    [[nodiscard]] static bool is_blocked(const Processor& processor, Look& look, Clock::time_point now);
    void hand_off(Processor& processor, Look& look, Clock::time_point now);
    [[nodiscard]] bool kick_machines_away(Clock::time_point now);
    [[nodiscard]] static bool wants_kick(const Machine& machine, Away& seen, Clock::time_point now);
    void spread_machines_away(Clock::time_point now);
    void lead_drain(Clock::time_point now);
    void doze();

    Scheduler& scheduler_;
    const Service& service_;
    const std::chrono::nanoseconds handoff_after_;
    std::atomic<bool>& drain_requested_;
    std::vector<Look> looks_;
    std::vector<Away> away_;         // by the machine's place in Scheduler::machines()
    std::vector<ComputingOn> cpus_;  // that this process may use
    Clock::time_point spread_at_{};
    std::optional<Clock::time_point> drain_began_;
    bool cancelled_ = false;
    std::atomic<bool> ending_{false};
    std::thread thread_;
};

}  // namespace spindle::runtime
