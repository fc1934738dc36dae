// SPDX-License-Identifier: Apache-2.0
//
// A hierarchical timer wheel (Varghese and Lauck, 1987): O(1) schedule and cancel, no allocation.
// It reads no clock: time is what the caller says, so that a test can be the clock. One owner at a
// time (the thread that owns the reactor); every wait of a worker stands in its wheel, which is how a
// drain finds those that it may end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace spindle::runtime {

/// Why a timer fired.
enum class Fired : std::uint8_t {
    due,        ///< its time came
    drained,    ///< the worker drains and the timer said that its wait may be ended for that
    cancelled,  ///< the worker stops: every wait ends
};

struct Timer {
    using Fire = void (*)(Timer&, Fired);

    Timer* next = nullptr;
    Timer** link = nullptr;      ///< what points at this timer; null while not scheduled
    std::uint64_t deadline = 0;  ///< in ticks of the wheel; 0: none
    Fire fire = nullptr;
    bool drainable = false;

    [[nodiscard]] bool scheduled() const noexcept { return link != nullptr; }
    void unlink() noexcept;
};

class TimerWheel {
  public:
    static constexpr unsigned kLevels = 5;
    static constexpr unsigned kSlotBits = 6;  ///< 64 slots a level: one bitmap word
    static constexpr std::uint64_t kHorizon = std::uint64_t{1} << (kLevels * kSlotBits);

    /// Fires at the first advance() to a tick >= deadline; farther than kHorizon is clamped to it.
    void schedule(Timer& timer, std::uint64_t deadline) noexcept;
    /// Never due: only fire_all() finds it.
    void keep(Timer& timer) noexcept;
    void cancel(Timer& timer) noexcept;

    /// Moves to tick `now` (never back) and fires what is due. A timer is unlinked before it fires and
    /// may be scheduled again, or schedule and cancel others, from there.
    void advance(std::uint64_t now) noexcept;

    /// Fires every scheduled timer (reason `drained`: only the drainable ones).
    void fire_all(Fired reason) noexcept;

    /// A tick by which advance() should be called next; never later than the earliest deadline.
    [[nodiscard]] std::optional<std::uint64_t> next_expiry() const noexcept;

    [[nodiscard]] std::uint64_t now() const noexcept { return now_; }

  private:
    static constexpr unsigned kSlots = 1U << kSlotBits;

    struct Level {
        std::uint64_t occupied = 0;  ///< may keep the bit of a slot that cancel() emptied; cleared when visited
        std::array<Timer*, kSlots> slots{};
    };

    void place(Timer& timer) noexcept;
    void cascade(unsigned level) noexcept;
    void take_matching(Timer*& slot, Timer*& taken, bool only_drainable) noexcept;

    std::uint64_t now_ = 0;
    std::array<Level, kLevels> levels_;
    Timer* kept_ = nullptr;
};

}  // namespace spindle::runtime
