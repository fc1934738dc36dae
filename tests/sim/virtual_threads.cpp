// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/virtual_threads.hpp"

#include <span>
#include <utility>

namespace spindle::sim {

VirtualThreads* VirtualThreads::running = nullptr;

VirtualThreads::~VirtualThreads() {
    for (auto& thread : threads_) runtime::retire_context(thread->context);
}

void VirtualThreads::add(std::function<void()> body) {
    Thread& thread = *threads_.emplace_back(std::make_unique<Thread>());
    thread.body = std::move(body);
    thread.stack = std::make_unique_for_overwrite<std::byte[]>(kStackBytes);
    thread.priority = random();
    runtime::make_context(thread.context, std::span(thread.stack.get(), kStackBytes), enter, this);
}

bool VirtualThreads::run() {
    running = this;
    Thread* next = choose();
    for (unsigned turns = 0; next != nullptr && turns < kTurnsMax; ++turns) {
        current_ = next;
        next->condition = nullptr;
        runtime::switch_context(outside_, next->context);
        next = choose();
    }
    running = nullptr;
    bool all_ended = true;
    for (const auto& thread : threads_) all_ended = all_ended && thread->ended;
    return all_ended;
}

// Among those that can go on; null: none can.
VirtualThreads::Thread* VirtualThreads::choose() {
    if (by_priority_ && current_ != nullptr && random() % kPriorityEvery == 0) current_->priority = random();
    Thread* chosen = nullptr;
    std::uint64_t candidates = 0;
    for (auto& thread : threads_) {
        if (thread->ended || (thread->condition != nullptr && !(*thread->condition)())) continue;
        ++candidates;
        const bool better =
            by_priority_ ? chosen == nullptr || thread->priority > chosen->priority : random() % candidates == 0;
        if (better) chosen = thread.get();
    }
    return chosen;
}

void VirtualThreads::here() noexcept {
    if (running != nullptr) running->leave();
}

void VirtualThreads::wait_until(const std::function<bool()>& condition) noexcept {
    running->current_->condition = &condition;
    running->leave();
}

void VirtualThreads::leave() noexcept { runtime::switch_context(current_->context, outside_); }

void VirtualThreads::enter(void* threads) noexcept {
    auto& self = *static_cast<VirtualThreads*>(threads);
    Thread& thread = *self.current_;
    thread.body();
    thread.ended = true;
    self.leave();
    std::unreachable();
}

}  // namespace spindle::sim
