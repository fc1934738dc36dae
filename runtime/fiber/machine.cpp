// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/machine.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <utility>

#include "runtime/clock.hpp"
#include "runtime/fiber/inspection.hpp"
#include "runtime/fiber/processor.hpp"
#include "runtime/fiber/scheduler.hpp"
#include "runtime/fiber/thread_slice.hpp"
#include "runtime/overflow_reporter.hpp"

namespace spindle::runtime {

namespace {
thread_local Machine* this_threads_machine = nullptr;
}

Machine& this_machine() noexcept {
    Machine* machine = this_threads_machine;
    asm volatile("" : "+r"(machine)::"memory");
    return *machine;
}

const Fiber* running_fiber() noexcept {
    const Machine* machine = this_threads_machine;
    return machine == nullptr ? nullptr : static_cast<const Fiber*>(machine->fiber);
}

// ---- life, on the thread's own stack

void Machine::live() {
    this_threads_machine = this;
    thread_id_.store(static_cast<int>(::syscall(SYS_gettid)), std::memory_order_relaxed);
    AlternateSignalStack for_overflows;
    while (true) {
        assigned_.acquire();
        if (processor == nullptr) return;
        run_processor();
        if (Fiber* fiber_to_publish = std::exchange(publish_, nullptr)) {
            away.store(false, std::memory_order_relaxed);
            scheduler_.publish(*fiber_to_publish);
        } else {
            scheduler_.processor_finished(*std::exchange(processor, nullptr));
        }
        scheduler_.idle(*this);
    }
}

void Machine::run_processor() noexcept {
    set_current_worker(processor);
    if (!serving_slice_.exchange(true, std::memory_order_relaxed)) set_thread_slice(0, kServingSlice);
    processor->start_listening();
    stack = processor->take_stack();
    CHECK_THAT(stack != nullptr);
    make_context(stack->context, stack->memory(), loop, nullptr);
    switch_context(thread_context_, stack->context);
    if (abandoned_ != nullptr) scheduler_.stacks().give(std::exchange(abandoned_, nullptr));
}

void Machine::start_thread() {
    thread_ = std::thread([this] { live(); });
}

void Machine::join() {
    if (thread_.joinable()) thread_.join();
}

void Machine::assign(Processor* given) noexcept {
    processor = given;
    if (given != nullptr) {
        held_last.store(given, std::memory_order_relaxed);
        given->machine.store(this, std::memory_order_release);
    }
    assigned_.release();
}

void Machine::kick() const noexcept {
    if (const int thread = thread_id()) ::syscall(SYS_tgkill, ::getpid(), thread, SIGURG);
}

std::chrono::nanoseconds Machine::cpu_time() const noexcept {
    const int thread = thread_id_.load(std::memory_order_relaxed);
    if (thread == 0) return {};
    // What pthread_getcpuclockid() makes of a thread; it would need a pthread_t that may be gone.
    const auto clock = static_cast<clockid_t>(~static_cast<unsigned>(thread) << 3 | 6U);
    timespec time{};
    if (::clock_gettime(clock, &time) != 0) return {};
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void Machine::become_stuck() noexcept {
    const int thread = thread_id_.load(std::memory_order_relaxed);
    if (thread != 0 && serving_slice_.exchange(false, std::memory_order_relaxed)) set_thread_slice(thread, kStuckSlice);
}

// ---- the scheduler's loop, on any stack; keeps nothing across a fiber's run

void Machine::loop(void*) noexcept {
    this_machine().settle();
    while (true) {
        Machine& machine = this_machine();
        machine.fiber = nullptr;
        Fiber* fiber = machine.scheduler_.next(*machine.processor);
        if (fiber == nullptr) {
            machine.abandoned_ = std::exchange(machine.stack, nullptr);
            switch_and_abandon(machine.abandoned_->context, machine.thread_context_);
        }
        run_fiber(*fiber);
    }
}

void run_fiber(Fiber& fiber) noexcept {
    Machine& machine = this_machine();
    machine.fiber = &fiber;
    machine.processor->counters.dispatched.add();
    fiber.enter(FlowState::running, machine.processor->reactor().now(), machine.processor->index);
    if (fiber.stack == nullptr) {
        std::exchange(fiber.coroutine, nullptr).resume();
        return;
    }
    Inspection::before_resuming(fiber);
    machine.abandoned_ = machine.stack;
    machine.stack = std::exchange(fiber.stack, nullptr);
    switch_and_abandon(machine.abandoned_->context, machine.stack->context);
}

// First upon any stack that this machine comes to run upon.
void Machine::settle() noexcept {
    saved_sp(stack->context).store(nullptr, std::memory_order_relaxed);  // until it is left again
    if (abandoned_ != nullptr) processor->give_stack(*std::exchange(abandoned_, nullptr));
}

void Machine::park_running_fiber(Stack& fresh) noexcept {
    Stack& kept = *stack;
    fiber->stack = &kept;
    fiber->enter(FlowState::waiting, processor->reactor().now(), processor->index);
    stack = &fresh;
    make_context(fresh.context, fresh.memory(), loop, nullptr);
    switch_context(kept.context, fresh.context);
    this_machine().settle();
}

// The fiber may be run by others as soon as it is published, so that happens on the thread's own stack.
void Machine::requeue_running_fiber() noexcept {
    Stack& kept = *std::exchange(stack, nullptr);
    fiber->stack = &kept;
    fiber->enter(FlowState::runnable, monotonic_now(), fiber->mark().worker());
    publish_ = fiber;
    processor = nullptr;
    switch_context(kept.context, thread_context_);
    this_machine().settle();
}

}  // namespace spindle::runtime
