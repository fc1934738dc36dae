// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/fiber_dump.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "runtime/cycle_clock.hpp"
#include "runtime/fiber/inspection.hpp"
#include "runtime/fiber/scheduler.hpp"

namespace spindle::runtime {
namespace {

/// A machine that ran a fiber, and where.
struct RunningMachine {
    int thread;
    const Fiber* fiber;  ///< perhaps ended since: only to be compared
    Backtrace trace;
};

const Processor* processor_of(const Scheduler& scheduler, const Machine& machine) {
    for (const auto& processor : scheduler.processors()) {
        if (processor->machine.load(std::memory_order_relaxed) == &machine) return processor.get();
    }
    return nullptr;
}

std::string describe_machine(const Scheduler& scheduler, const Machine& machine, const Fiber* fiber) {
    std::string text = "thread " + std::to_string(machine.thread_id()) + ": ";
    const Processor* processor = processor_of(scheduler, machine);
    if (processor == nullptr) return text + (fiber != nullptr ? "lost its worker in a handler" : "spare");
    text +=
        "worker " + std::to_string(processor->index) + ", " + std::to_string(processor->runnable()) + " in its queue";
    if (fiber == nullptr) text += processor->asleep.load(std::memory_order_relaxed) ? ", asleep" : ", between fibers";
    return text;
}

std::vector<RunningMachine> dump_machines(Scheduler& scheduler, const DumpLine& line) {
    std::vector<Machine*> machines;
    {
        const std::lock_guard lock(scheduler.machines_mutex());
        for (auto& machine : scheduler.machines()) machines.push_back(machine.get());
    }
    std::vector<RunningMachine> running;
    for (Machine* machine : machines) {
        const Fiber* fiber = machine->fiber;
        line(describe_machine(scheduler, *machine, fiber));
        if (fiber == nullptr || machine->thread_id() == 0) continue;
        const Backtrace trace = capture_backtrace(machine->thread_id(), kCaptureLimit);
        if (static_cast<const Fiber*>(machine->fiber) == fiber) running.push_back({machine->thread_id(), fiber, trace});
    }
    return running;
}

std::string describe_stacks(const StackSlabs& stacks) {
    return "stacks of " + std::to_string(stacks.stack_size()) + " bytes: " + std::to_string(stacks.made()) + " made, " +
           std::to_string(stacks.taken()) + " in use or cached, the deepest used " +
           std::to_string(stacks.high_water_bytes()) + " bytes";
}

/// What is kept of a fiber while its list is locked; words are made of it afterwards.
struct Snapshot {
    const Fiber* fiber;  ///< only to be compared
    SeenFlow seen;
    Backtrace trace;
};
using Snapshots = std::vector<Snapshot>;

void look(std::span<Flow* const> flows, Snapshots& into) {
    std::array<Fiber*, Inspection::kFibersMax> fibers{};
    std::ranges::transform(flows, fibers.begin(), [](Flow* flow) { return static_cast<Fiber*>(flow); });
    const Inspection inspection(std::span(fibers.data(), flows.size()));
    for (const Fiber* fiber : std::span(fibers.data(), flows.size())) {
        Snapshot& snapshot = into.emplace_back(fiber, SeenFlow::of(*fiber), Backtrace{});
        if (const Stack* stack = inspection.parked(*fiber).stack) snapshot.trace = context_backtrace(stack->context);
    }
}

}  // namespace

void dump_fibers(Scheduler& scheduler, const DumpLine& line) {
    const std::vector<RunningMachine> running = dump_machines(scheduler, line);
    FlowSummary summary;
    Snapshots batch;
    FlowRegistry::Walk walk(scheduler.flows());
    while (walk.next([&](std::span<Flow* const> flows) { look(flows, batch); })) {
        const std::uint64_t now = CycleClock::kernel_clock();
        for (Snapshot& snapshot : batch) {
            std::string text = describe_flow("fiber", snapshot.seen, now);
            if (snapshot.seen.mark.state() == FlowState::running) {
                const auto on = std::ranges::find(running, snapshot.fiber, &RunningMachine::fiber);
                if (on != running.end()) {
                    text += ", thread " + std::to_string(on->thread);
                    snapshot.trace = on->trace;
                }
            }
            line(text);
            dump_backtrace(snapshot.trace, line);
            summary.add(snapshot.seen);
        }
        batch.clear();
    }
    line(summary.text("fiber"));
    scheduler.stacks().measure_high_water();
    line(describe_stacks(scheduler.stacks()));
}

}  // namespace spindle::runtime
