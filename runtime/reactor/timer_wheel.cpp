// SPDX-License-Identifier: Apache-2.0
#include "runtime/reactor/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace spindle::runtime {

namespace {

void push(Timer*& head, Timer& timer) noexcept {
    timer.next = head;
    if (head != nullptr) head->link = &timer.next;
    head = &timer;
    timer.link = &head;
}

// Fires a detached list. Each timer stays linked to the local head until its turn, so a callback may
// cancel any other timer of the list.
void fire_list(Timer*& head, Fired reason) noexcept {
    while (head != nullptr) {
        Timer& timer = *head;
        timer.unlink();
        timer.fire(timer, reason);
    }
}

}  // namespace

void Timer::unlink() noexcept {
    *link = next;
    if (next != nullptr) next->link = link;
    next = nullptr;
    link = nullptr;
}

void TimerWheel::schedule(Timer& timer, std::uint64_t deadline) noexcept {
    timer.deadline = std::clamp(deadline, now_ + 1, now_ + kHorizon - 1);
    place(timer);
}

void TimerWheel::keep(Timer& timer) noexcept {
    timer.deadline = 0;
    push(kept_, timer);
}

void TimerWheel::cancel(Timer& timer) noexcept {
    if (timer.scheduled()) timer.unlink();
}

// The level is that of the highest bit in which deadline and now differ: the slot is then always ahead
// of the level's hand, and a slot is cascaded exactly when the hand enters it.
void TimerWheel::place(Timer& timer) noexcept {
    const std::uint64_t differs = timer.deadline ^ now_;
    const unsigned highest = differs == 0 ? 0 : static_cast<unsigned>(std::bit_width(differs)) - 1;
    const unsigned level = std::min(highest / kSlotBits, kLevels - 1);
    const unsigned slot = (timer.deadline >> (level * kSlotBits)) & (kSlots - 1);
    push(levels_[level].slots[slot], timer);
    levels_[level].occupied |= std::uint64_t{1} << slot;
}

void TimerWheel::cascade(unsigned level) noexcept {
    const unsigned slot = (now_ >> (level * kSlotBits)) & (kSlots - 1);
    Level& from = levels_[level];
    Timer* list = from.slots[slot];
    from.slots[slot] = nullptr;
    from.occupied &= ~(std::uint64_t{1} << slot);
    while (list != nullptr) {
        Timer& timer = *list;
        list = timer.next;
        place(timer);
    }
}

void TimerWheel::advance(std::uint64_t target) noexcept {
    while (now_ < target) {
        // Jump straight to the next tick at which something can happen.
        const auto next = next_expiry();
        now_ = next ? std::min(std::max(*next, now_ + 1), target) : target;
        for (unsigned level = kLevels - 1; level > 0; --level) {
            if ((now_ & ((std::uint64_t{1} << (level * kSlotBits)) - 1)) == 0) cascade(level);
        }
        Level& lowest = levels_[0];
        const unsigned slot = now_ & (kSlots - 1);
        if ((lowest.occupied >> slot & 1) == 0) continue;
        Timer* due = lowest.slots[slot];
        lowest.slots[slot] = nullptr;
        lowest.occupied &= ~(std::uint64_t{1} << slot);
        if (due != nullptr) due->link = &due;
        fire_list(due, Fired::due);
    }
}

void TimerWheel::take_matching(Timer*& slot, Timer*& taken, bool only_drainable) noexcept {
    for (Timer* timer = slot; timer != nullptr;) {
        Timer* following = timer->next;
        if (!only_drainable || timer->drainable) {
            timer->unlink();
            push(taken, *timer);
        }
        timer = following;
    }
}

void TimerWheel::fire_all(Fired reason) noexcept {
    Timer* taken = nullptr;
    for (Level& level : levels_) {
        for (Timer*& slot : level.slots) take_matching(slot, taken, reason == Fired::drained);
    }
    take_matching(kept_, taken, reason == Fired::drained);
    fire_list(taken, reason);
}

std::optional<std::uint64_t> TimerWheel::next_expiry() const noexcept {
    std::optional<std::uint64_t> earliest;
    for (unsigned level = 0; level < kLevels; ++level) {
        const std::uint64_t occupied = levels_[level].occupied;
        if (occupied == 0) continue;
        const unsigned shift = level * kSlotBits;
        const std::uint64_t hand = now_ >> shift;
        // Rotated so that bit 0 is the slot after the hand's: the first set bit is the next to come.
        const unsigned position = static_cast<unsigned>(hand + 1) & (kSlots - 1);
        const auto ahead = static_cast<unsigned>(std::countr_zero(std::rotr(occupied, static_cast<int>(position))));
        const std::uint64_t tick = (hand + 1 + ahead) << shift;
        if (!earliest || tick < *earliest) earliest = tick;
    }
    return earliest;
}

}  // namespace spindle::runtime
