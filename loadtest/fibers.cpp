// SPDX-License-Identifier: Apache-2.0
//
// What fibers cost: switching, a stack's life, what a parked one keeps; under the scheduler, flows.hpp; and what threads
// cost instead, threads.hpp. Prints a "name value" a line, for fibers.py, which puts Go's figures beside them.
//
//     spindle_fibers [PARKED]
#include <coroutine>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "loadtest/flows.hpp"
#include "loadtest/memory.hpp"
#include "loadtest/stopwatch.hpp"
#include "loadtest/threads.hpp"
#include "runtime/cycle_clock.hpp"
#include "runtime/fiber/context.hpp"
#include "runtime/fiber/fiber.hpp"
#include "runtime/fiber/stacks.hpp"
#include "runtime/root.hpp"

namespace {

using namespace spindle::runtime;
using spindle::loadtest::memory_bytes;
using spindle::loadtest::Stopwatch;

constexpr std::size_t kStackSize = 256 * 1024;
constexpr std::size_t kSwitches = 20'000'000;
constexpr std::size_t kManyFibers = 20'000;  // their stacks are far more than any cache or TLB holds
constexpr std::size_t kLives = 2'000'000;
constexpr std::size_t kParkedDefault = 1'000'000;

void print(const char* name, double value) { std::printf("%s %.2f\n", name, value); }

// ---------------------------------------------------------------- switching

/// Fibers in a circle: each continues the next, until all switches are done, and then main.
struct Circle {
    explicit Circle(std::size_t fibers) : slabs(kStackSize), members(fibers) {
        for (std::size_t i = 0; i < fibers; ++i) {
            Member& member = members[i];
            member.circle = this;
            member.stack = slabs.take();
            if (member.stack == nullptr) std::abort();
            member.next = &members[(i + 1) % fibers];
            make_context(member.stack->context, member.stack->memory(), run, &member);
        }
    }
    ~Circle() {
        for (Member& member : members) slabs.give(member.stack);
    }
    Circle(const Circle&) = delete;
    Circle& operator=(const Circle&) = delete;

    /// Nanoseconds a switch, the first round not counted: it makes the stacks resident.
    double measure(std::size_t switches) {
        left = members.size();
        switch_context(main, members.front().stack->context);
        left = switches;
        const Stopwatch start;
        switch_context(main, last->stack->context);
        return start.nanoseconds_each(switches);
    }

    struct Member {
        Circle* circle;
        Stack* stack;
        Member* next;
    };

    static void run(void* argument) {
        Member& self = *static_cast<Member*>(argument);
        Circle& circle = *self.circle;
        while (true) {
            if (--circle.left == 0) {
                circle.last = &self;
                switch_context(self.stack->context, circle.main);
            } else {
                switch_context(self.stack->context, self.next->stack->context);
            }
        }
    }

    StackSlabs slabs;
    std::vector<Member> members;
    Context main;
    Member* last = nullptr;
    std::size_t left = 0;
};

// ---------------------------------------------------------------- a stack's life

/// Taken, run upon once and given back: a fiber's whole life but for the queue it comes from.
double life() {
    StackSlabs slabs(kStackSize);
    StackCache cache(slabs);
    struct Life {
        Context main;
        Stack* stack;
    } one{};
    const auto run = [](void* argument) {
        Life& life = *static_cast<Life*>(argument);
        switch_and_abandon(life.stack->context, life.main);
    };
    const Stopwatch start;
    for (std::size_t i = 0; i < kLives; ++i) {
        one.stack = cache.take();
        if (one.stack == nullptr) std::abort();
        make_context(one.stack->context, one.stack->memory(), run, &one);
        switch_context(one.main, one.stack->context);
        cache.give(one.stack);
    }
    return start.nanoseconds_each(kLives);
}

// ---------------------------------------------------------------- parked

/// Parked inside a handler: each holds the stack that the handler stands on.
void parked_with_stack(std::size_t count) {
    StackSlabs slabs(kStackSize);
    std::vector<Stack*> stacks(count);
    struct Handler {
        Context main;
        Stack* stack;
    } handler{};
    const auto park = [](void* argument) {
        Handler& all = *static_cast<Handler*>(argument);
        Stack* const mine = all.stack;
        while (true) switch_context(mine->context, all.main);
    };
    const double before = memory_bytes();
    const Stopwatch start;
    for (Stack*& stack : stacks) {
        stack = slabs.take();
        if (stack == nullptr) {
            std::perror("stack");
            std::exit(1);
        }
        handler.stack = stack;
        make_context(stack->context, stack->memory(), park, &handler);
        switch_context(handler.main, stack->context);
    }
    print("park_with_stack_ns", start.nanoseconds_each(count));
    print("parked_with_stack_bytes", (memory_bytes() - before) / static_cast<double>(count));
    const Stopwatch again;
    for (Stack* stack : stacks) switch_context(handler.main, stack->context);
    print("resume_with_stack_ns", again.nanoseconds_each(count));
    slabs.give(stacks);
}

Root<Fiber> idle_flow() {
    while (true) co_await std::suspend_always{};
}

/// Parked where a connection waits for its next request: a coroutine, and no stack.
void parked_without_stack(std::size_t count) {
    std::vector<std::coroutine_handle<>> flows(count);
    const double before = memory_bytes();
    const Stopwatch start;
    for (auto& flow : flows) {
        flow = idle_flow().handle();
        flow.resume();
    }
    print("park_without_stack_ns", start.nanoseconds_each(count));
    print("parked_without_stack_bytes", (memory_bytes() - before) / static_cast<double>(count));
    const Stopwatch again;
    for (const auto flow : flows) flow.resume();
    print("resume_without_stack_ns", again.nanoseconds_each(count));
    for (const auto flow : flows) flow.destroy();
}

}  // namespace

int main(int count, char** words) {
    const std::size_t parked = count > 1 ? std::strtoull(words[1], nullptr, 10) : kParkedDefault;
    spindle::runtime::CycleClock::calibrate();  // as the server does
    print("switch_2_ns", Circle(2).measure(kSwitches));
    print("switch_many_ns", Circle(kManyFibers).measure(kSwitches));
    print("stack_life_ns", life());
    spindle::loadtest::measure_flows();
    spindle::loadtest::measure_threads();
    parked_without_stack(parked);
    parked_with_stack(parked);
}
