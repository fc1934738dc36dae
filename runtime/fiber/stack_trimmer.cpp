// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/stack_trimmer.hpp"

#include <pthread.h>

#include <array>

#include "runtime/cycle_clock.hpp"
#include "runtime/fiber/inspection.hpp"
#include "runtime/fiber/scheduler.hpp"

namespace spindle::runtime {

StackTrimmer::StackTrimmer(Scheduler& scheduler) : scheduler_(scheduler), thread_([this] { run(); }) {}

StackTrimmer::~StackTrimmer() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void StackTrimmer::run() {
    using Clock = std::chrono::steady_clock;
    ::pthread_setname_np(::pthread_self(), "trimmer");
    Clock::time_point next_walk = Clock::now();
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, kPeriod, [this] { return ending_; })) {
        trim_free_stacks();
        const Clock::time_point begun = Clock::now();
        if (begun < next_walk) continue;
        trim_parked_fibers();
        scheduler_.stacks().measure_high_water();
        const Clock::time_point ended = Clock::now();
        next_walk = ended + (ended - begun) * kWalkShare;
    }
}

// First what has rested since the last time, so that everything rests for a period.
void StackTrimmer::trim_free_stacks() {
    while (scheduler_.stacks().trim_some()) {
    }
    scheduler_.stacks().rest();
    for (auto& processor : scheduler_.processors()) processor->ask_to_rest_stacks();
}

void StackTrimmer::trim_parked_fibers() {
    const std::uint64_t before = CycleClock::kernel_clock() - std::chrono::nanoseconds(kPeriod).count();
    FlowRegistry::Walk walk(scheduler_.flows());
    while (walk.next([&](std::span<Flow* const> flows) { trim_parked(scheduler_.stacks(), flows, before); })) {
    }
}

std::size_t trim_parked(StackSlabs& slabs, std::span<Flow* const> flows, std::uint64_t before) {
    std::array<Fiber*, Inspection::kFibersMax> fibers{};
    std::array<Flow::Mark, Inspection::kFibersMax> marks{};
    std::size_t count = 0;
    for (Flow* flow : flows) {
        const Flow::Mark mark = flow->mark();
        const bool waits = mark.state() == FlowState::waiting && flow->route != nullptr;
        if (!waits || mark.trimmed() || mark.since() >= before) continue;
        marks[count] = mark;
        fibers[count++] = static_cast<Fiber*>(flow);
    }
    if (count == 0) return 0;

    std::array<std::span<std::byte>, Inspection::kFibersMax> ranges;
    std::size_t trimmed = 0;
    const Inspection inspection(std::span(fibers.data(), count));
    for (std::size_t i = 0; i < count; ++i) {
        const auto [stack, lowest_in_use] = inspection.parked(*fibers[i]);
        if (stack == nullptr) continue;
        fibers[i]->set_trimmed(marks[i]);
        const auto pages = stack->pages_below(lowest_in_use);
        const std::byte* lowest = lowest_resident(pages);
        if (lowest == nullptr || lowest + StackSlabs::kKeptBytes > lowest_in_use) continue;
        slabs.note_use(*stack, lowest);
        ranges[trimmed++] = pages;
    }
    give_back_pages(std::span(ranges.data(), trimmed));
    return trimmed;
}

}  // namespace spindle::runtime
