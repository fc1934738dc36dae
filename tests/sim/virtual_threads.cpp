// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/virtual_threads.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "tests/sim/thread_locals.hpp"

namespace spindle::sim {

// Two contexts: a machine changes stacks, so where a thread was left may be upon another one than it began on.
struct VirtualThreads::Thread {
    std::string name;
    std::function<void()> body;
    std::unique_ptr<std::byte[]> stack;
    runtime::Context began;
    runtime::Context left;
    bool started = false;
    bool ended = false;
    const std::function<bool()>* condition = nullptr;  // waits for it
    const char* waits_for = nullptr;
    std::uint64_t priority = 0;
    unsigned stalled_until = 0;  // that turn, unless all others wait
    ThreadLocals locals;
};

VirtualThreads* VirtualThreads::running = nullptr;

VirtualThreads::VirtualThreads(std::uint64_t seed)
    : random(seed), by_priority_(seed % 2 == 0), stalls_(seed / 2 % 2 == 0) {}

VirtualThreads::~VirtualThreads() {
    for (auto& thread : threads_) runtime::retire_context(thread->began);
}

VirtualThreads::Thread& VirtualThreads::add(std::string name, std::function<void()> body) {
    Thread& thread = *threads_.emplace_back(std::make_unique<Thread>());
    thread.name = std::move(name);
    thread.body = std::move(body);
    thread.priority = random();
    thread.stack = std::make_unique_for_overwrite<std::byte[]>(kStackBytes);
    runtime::make_context(thread.began, std::span(thread.stack.get(), kStackBytes), enter, this);
    return thread;
}

std::string VirtualThreads::run() {
    running = this;
    for (Thread* next = choose(); next != nullptr && wrong_.empty(); next = choose()) {
        if (turn_ > kTurnsMax) fail("it goes on for ever");
        current_ = next;
        next->condition = nullptr;
        swap_thread_locals(next->locals);
        runtime::switch_context(outside_, std::exchange(next->started, true) ? next->left : next->began);
        swap_thread_locals(current_->locals);
    }
    running = nullptr;
    const bool all_ended = std::ranges::all_of(threads_, [](const auto& thread) { return thread->ended; });
    if (wrong_.empty() && !all_ended) return "nobody can go on: " + who_waits();
    return wrong_;
}

// Among those that can go on; null: none can.
VirtualThreads::Thread* VirtualThreads::choose() {
    ++turn_;
    change_odds();
    Thread* chosen = nullptr;
    Thread* stalled = nullptr;
    std::uint64_t candidates = 0;
    for (auto& thread : threads_) {
        if (thread->ended || (thread->condition != nullptr && !(*thread->condition)())) continue;
        if (thread->stalled_until > turn_) {
            stalled = thread.get();
            continue;
        }
        ++candidates;
        const bool better =
            by_priority_ ? chosen == nullptr || thread->priority > chosen->priority : random() % candidates == 0;
        if (better) chosen = thread.get();
    }
    return chosen != nullptr ? chosen : stalled;
}

void VirtualThreads::change_odds() {
    if (current_ == nullptr) return;
    if (stalls_ && random() % kStallEvery == 0) current_->stalled_until = turn_ + random() % kStallMax;
    if (!by_priority_) return;
    if (random() % kPriorityEvery == 0) current_->priority = random();
    if (random() % kPrioritiesEvery != 0) return;
    for (auto& thread : threads_) thread->priority = random();  // else the lowest might never have its turn
}

std::string VirtualThreads::who_waits() const {
    std::string text;
    for (const auto& thread : threads_) {
        if (thread->ended) continue;
        text += thread->name + (thread->condition == nullptr ? " runs; " : " waits for ");
        if (thread->condition != nullptr) text += std::string(thread->waits_for) + "; ";
    }
    return text;
}

void VirtualThreads::here() noexcept {
    if (running != nullptr) running->leave();
}

void VirtualThreads::wait_until(const char* what, const std::function<bool()>& condition) noexcept {
    if (running == nullptr) return;
    running->current_->condition = &condition;
    running->current_->waits_for = what;
    running->leave();
}

void VirtualThreads::fail(const std::string& what) noexcept {
    if (running == nullptr) return;
    if (running->wrong_.empty()) running->wrong_ = what + " (" + running->who_waits() + ")";
}

bool VirtualThreads::has_ended(const Thread& thread) noexcept { return thread.ended; }

void VirtualThreads::leave() noexcept { runtime::switch_context(current_->left, outside_); }

void VirtualThreads::enter(void* threads) noexcept {
    auto& self = *static_cast<VirtualThreads*>(threads);
    Thread& thread = *self.current_;
    thread.body();
    thread.ended = true;
    self.leave();
    std::unreachable();
}

}  // namespace spindle::sim
