// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/inspection.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <semaphore>
#include <string>
#include <thread>

#include "runtime/fiber/stacks.hpp"
#include "runtime/symbols.hpp"

using namespace spindle::runtime;

namespace {

/// A fiber that parks again and again, in the steps of the scheduler's machines.
class ParkingFiber {
  public:
    explicit ParkingFiber(StackSlabs& slabs) : slabs_(slabs), stack_(slabs.take()) {
        make_context(stack_->context, stack_->memory(), &ParkingFiber::run, this);
    }
    ~ParkingFiber() {
        retire_context(stack_->context);
        slabs_.give(stack_);
    }
    /// Runs it until it parks again.
    void resume() {
        fiber.enter(FlowState::running, 0, 0);
        if (fiber.stack != nullptr) Inspection::before_resuming(fiber);
        fiber.stack = nullptr;
        switch_context(home_, stack_->context);
    }

    Fiber fiber;

  private:
    static void run(void* self) { static_cast<ParkingFiber*>(self)->outer(); }
    [[gnu::noinline]] void outer() {
        while (true) {
            inner();
            asm volatile("" ::: "memory");
        }
    }
    [[gnu::noinline]] void inner() {
        saved_sp(stack_->context).store(nullptr, std::memory_order_relaxed);
        fiber.stack = stack_;
        fiber.enter(FlowState::waiting, 0, 0);
        switch_context(stack_->context, home_);
        asm volatile("" ::: "memory");
    }

    StackSlabs& slabs_;
    Stack* stack_;
    Context home_;
};

std::string described(const Backtrace& trace) {
    std::string lines;
    for (const void* address : trace.frames()) lines += describe_address(address) + "\n";
    return lines;
}

}  // namespace

TEST_CASE("a parked context shows its calls to the end of its stack") {
    StackSlabs slabs(64 * 1024);
    ParkingFiber parking(slabs);
    Fiber* const fiber = &parking.fiber;
    parking.resume();
    const Inspection inspection(std::span(&fiber, 1));
    const auto [stack, lowest] = inspection.parked(*fiber);
    REQUIRE(stack != nullptr);
    CHECK(lowest > stack->base);
    CHECK(lowest < reinterpret_cast<std::byte*>(stack));
    const std::string lines = described(context_backtrace(stack->context));
    INFO(lines);
    const auto inner = lines.find("ParkingFiber::inner()");
    REQUIRE(inner != std::string::npos);
    const auto outer = lines.find("ParkingFiber::outer()", inner);
    REQUIRE(outer != std::string::npos);
    const auto end = lines.find("spindle_context_first_frame", outer);
    REQUIRE(end != std::string::npos);
    CHECK(lines.find('\n', end) == lines.size() - 1);
}

TEST_CASE("a fiber that runs, or has no stack, is not parked") {
    Fiber without;
    without.enter(FlowState::waiting, 0, 0);
    Fiber* const fiber = &without;
    const Inspection inspection(std::span(&fiber, 1));
    CHECK(inspection.parked(without).stack == nullptr);
    without.enter(FlowState::running, 0, 0);
    CHECK(inspection.parked(without).stack == nullptr);
}

// Whatever the inspector sees as parked stands still: its context's calls are those of a parked fiber.
TEST_CASE("a fiber that parks and runs all the time is never seen in between") {
    StackSlabs slabs(64 * 1024);
    ParkingFiber parking(slabs);
    parking.resume();
    std::atomic<bool> ended{false};
    std::binary_semaphore begun{0};
    std::thread machine([&] {
        parking.resume();
        begun.release();
        while (!ended.load(std::memory_order_relaxed)) parking.resume();
    });
    begun.acquire();
    Fiber* const fiber = &parking.fiber;
    std::size_t depth = 0;
    unsigned parked = 0;
    // How often it is seen parked is the kernel's to say: the other thread may have been preempted where it runs.
    const auto begin = std::chrono::steady_clock::now();
    const auto enough = [&] {
        const auto took = std::chrono::steady_clock::now() - begin;
        return parked >= 200 || (parked >= 10 && took > std::chrono::seconds(2)) || took > std::chrono::seconds(20);
    };
    while (!enough()) {
        std::this_thread::yield();
        const Inspection inspection(std::span(&fiber, 1));
        const Stack* stack = inspection.parked(*fiber).stack;
        if (stack == nullptr) continue;
        ++parked;
        const std::size_t frames = context_backtrace(stack->context).frames().size();
        if (depth == 0) depth = frames;
        CHECK(frames == depth);
    }
    ended = true;
    machine.join();
    CHECK(parked > 0);
    CHECK(depth >= 5);
}
