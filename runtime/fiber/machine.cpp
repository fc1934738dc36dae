// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/machine.hpp"

#include <sched.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <utility>

#include "runtime/cycle_clock.hpp"
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
    if (__rseq_size != 0) {
        const char* area = static_cast<const char*>(__builtin_thread_pointer()) + __rseq_offset;
        cpu_.store(&reinterpret_cast<const rseq*>(area)->cpu_id, std::memory_order_relaxed);
    }
    AlternateSignalStack for_overflows;
    set_thread_slice(kMachineSlice);
    while (true) {
        assigned_.acquire();
        if (processor == nullptr) return;
        run_processor();
        if (Fiber* fiber_to_publish = std::exchange(publish_, nullptr)) {
            gave_away.store(false, std::memory_order_relaxed);
            taken_from.store(false, std::memory_order_relaxed);
            stuck_route.store(nullptr, std::memory_order_relaxed);
            scheduler_.publish(*fiber_to_publish);
        } else {
            scheduler_.processor_finished(*std::exchange(processor, nullptr));
        }
        scheduler_.idle(*this);
    }
}

void Machine::run_processor() noexcept {
    set_current_worker(processor);
    processor->meter.resume();
    processor->start_listening();
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

int Machine::cpu() const noexcept {
    const std::uint32_t* cpu = cpu_.load(std::memory_order_relaxed);
    return cpu == nullptr ? -1 : static_cast<int>(*static_cast<const volatile std::uint32_t*>(cpu));
}

void Machine::move_to(int cpu) const noexcept {
    const int thread = thread_id_.load(std::memory_order_relaxed);
    cpu_set_t allowed;
    if (thread == 0 || ::sched_getaffinity(thread, sizeof allowed, &allowed) != 0) return;
    cpu_set_t target;
    CPU_ZERO(&target);
    CPU_SET(cpu, &target);
    if (::sched_setaffinity(thread, sizeof target, &target) == 0) ::sched_setaffinity(thread, sizeof allowed, &allowed);
}

// ---- the scheduler's loop, on any stack; keeps nothing across a fiber's run

void Machine::loop(void*) noexcept {
    this_machine().settle();
    while (true) {
        Machine& machine = this_machine();
        machine.processor->meter.end();
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
    RunMeter& meter = machine.processor->meter;
    meter.begin(fiber.runnable_since);
    meter.leave_poll();
    meter.in(fiber.route);
    machine.run_began = meter.reading();
    fiber.enter(FlowState::running, machine.processor->reactor().now(), machine.processor->index);
    Stack* const parked_upon = fiber.stack;
    if (parked_upon == nullptr) {
        std::exchange(fiber.coroutine, nullptr).resume();
        this_machine().depart();  // which may be another one
        return;
    }
    Inspection::before_resuming(fiber);
    machine.abandoned_ = machine.stack;
    machine.stack = parked_upon;
    fiber.stack = nullptr;
    switch_and_abandon(machine.abandoned_->context, machine.stack->context);
}

// First upon any stack that this machine comes to run upon.
void Machine::settle() noexcept {
    saved_sp(stack->context).store(nullptr, std::memory_order_relaxed);  // until it is left again
    if (abandoned_ != nullptr) processor->give_stack(*std::exchange(abandoned_, nullptr));
    depart();
}

void Machine::depart() noexcept {
    if (departing == nullptr) return;
    Departure& departure = *std::exchange(departing, nullptr);
    departure.left(departure);
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
    const Stall stall = end_own_run();
    Stack& kept = *std::exchange(stack, nullptr);
    fiber->stack = &kept;
    fiber->enter(FlowState::runnable, CycleClock::kernel_clock(), fiber->mark().worker());
    publish_ = fiber;
    processor = nullptr;
    switch_context(kept.context, thread_context_);
    this_machine().settle();
    if (stall.lasted.count() > 0) this_machine().tell_end(stall);
}

// Without a processor nobody may count it: whoever runs the fiber next does.
Stall Machine::end_own_run() noexcept {
    const std::uint64_t now = CycleClock::now();
    fiber->runnable_since = now;
    const std::uint64_t began = std::exchange(run_began, 0);
    const std::uint64_t ran = began == 0 ? 0 : CycleClock::since(began, now);
    return {"fiber", 0, fiber->route, std::chrono::nanoseconds(ran), true};
}

void Machine::tell_end(Stall stall) noexcept {
    stall.worker = processor->index;
    processor->meter.record(static_cast<std::uint64_t>(stall.lasted.count()), stall.route);
    const Service& service = scheduler_.service();
    if (service.on_stall_end) service.on_stall_end(stall);
}

}  // namespace spindle::runtime
