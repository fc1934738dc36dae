// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/scheduler.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

#include "runtime/fiber/fairness.hpp"
#include "runtime/spawned_flow.hpp"

namespace spindle::runtime {

Scheduler::Scheduler(CounterSlots& counters, std::size_t stack_size, StackGuard guard, unsigned machines_max)
    : slabs_(stack_size, guard), machines_max_(machines_max) {
    machines_.reserve(machines_max);
    idle_machines_.reserve(machines_max);
    for (unsigned i = 0; i < counters.size(); ++i)
        processors_.push_back(std::make_unique<Processor>(i, *this, slabs_, counters[i]));
}

Scheduler::~Scheduler() = default;

Result<void> Scheduler::open() {
    for (auto& processor : processors_) {
        Result<void> opened = processor->open();
        if (!opened) return opened;
    }
    return {};
}

void Scheduler::run(const Service& service, Backend& backend) {
    service_ = &service;
    backend_ = &backend;
    // All before the first one runs a handler, which may need another machine: it must not get one of these.
    std::vector<Machine*> machines;
    {
        std::lock_guard lock(machines_mutex_);
        machines.push_back(machines_.emplace_back(std::make_unique<Machine>(*this)).get());
        machines.front()->stack = slabs_.take();
    }
    bool complete = machines.front()->stack != nullptr;
    while (complete && machines.size() < processors_.size()) {
        machines.push_back(reserve_machine());
        complete = machines.back() != nullptr;
    }
    if (!complete) {
        end_machines();
        throw std::system_error(EAGAIN, std::generic_category(), "a machine for each processor");
    }
    for (std::size_t i = 0; i < processors_.size(); ++i) machines[i]->assign(processors_[i].get());
    machines.front()->live();
    for (auto& machine : machines_) machine->join();
}

// Which all wait for their first processor.
void Scheduler::end_machines() {
    for (const auto& machine : machines_) {
        if (machine->stack != nullptr) slabs_.give(std::exchange(machine->stack, nullptr));
        machine->assign(nullptr);
        machine->join();
    }
}

// ---- finding work

Fiber* Scheduler::next(Processor& mine) noexcept {
    while (true) {
        if (++mine.tick % kLookAroundEvery == 0) {
            poll(mine, Reactor::Block::no);
            if (mine.queue.size() > 1) wake_another();  // what came is more than this machine does next
            if (Fiber* fiber = global_.pop()) return found(mine, fiber);
        }
        if (Fiber* fiber = mine.pop()) return found(mine, fiber);
        if (Fiber* fiber = from_global(mine)) return found(mine, fiber);
        if (Fiber* fiber = steal(mine)) return found(mine, fiber);
        if (stopping_.load(std::memory_order_acquire)) {
            mine.shut_down();
            return nullptr;
        }
        sleep(mine);
    }
}

Fiber* Scheduler::found(Processor& mine, Fiber* fiber) noexcept {
    if (mine.searching) {
        mine.searching = false;
        one_searches_.store(false, std::memory_order_seq_cst);
        if (work_elsewhere(mine) || !mine.queue.empty()) wake_another();
    }
    return fiber;
}

Fiber* Scheduler::from_global(Processor& mine) noexcept {
    if (global_.empty()) return nullptr;
    const std::size_t share = global_.size() / processors_.size() + 1;
    Fiber* first = global_.pop(std::min<std::size_t>(share, mine.queue.room()));
    if (first == nullptr) return global_.pop();
    for (Fiber* fiber = first->next; fiber != nullptr;) {
        Fiber* following = fiber->next;
        mine.take_over(*fiber);
        fiber = following;
    }
    return first;
}

Fiber* Scheduler::steal(Processor& mine) noexcept {
    const std::size_t count = processors_.size();
    for (std::size_t i = 1; i < count; ++i) {
        Processor& victim = *processors_[(mine.index + mine.tick + i) % count];
        if (&victim == &mine || victim.queue.empty()) continue;
        if (Fiber* fiber = victim.queue.steal_into(mine.queue)) {
            mine.counters.steals.add(mine.queue.size() + 1);
            return fiber;
        }
    }
    for (std::size_t i = 1; i < count; ++i) {
        Processor& victim = *processors_[(mine.index + i) % count];
        if (Fiber* fiber = victim.steal_next()) {
            mine.counters.steals.add();
            return fiber;
        }
    }
    return nullptr;
}

bool Scheduler::work_elsewhere(const Processor& mine) const noexcept {
    if (!global_.empty()) return true;
    for (const auto& processor : processors_) {
        if (processor.get() != &mine && (!processor->queue.empty() || processor->offers_next())) return true;
    }
    return false;
}

// ---- sleeping and waking

// No more completions than its queue has room for: they wait in the ring, in order. Those that went to the global
// queue instead would be overtaken by all that come after them.
void Scheduler::poll(Processor& mine, Reactor::Block block) noexcept {
    mine.reactor().poll(block, mine.queue.room());
    mine.heed_drain();
    mine.heed_rest();
    if (accept_paused_.load(std::memory_order_relaxed)) mine.resume_accepting();
}

void Scheduler::sleep(Processor& mine) noexcept {
    if (mine.searching) {
        mine.searching = false;
        one_searches_.store(false, std::memory_order_seq_cst);
    }
    mine.show_stacks();
    mine.asleep.store(true, std::memory_order_seq_cst);
    sleeping_.fetch_add(1, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const bool missed = work_elsewhere(mine) || stopping_.load(std::memory_order_seq_cst);
    poll(mine, missed ? Reactor::Block::no : Reactor::Block::until_event);
    sleeping_.fetch_sub(1, std::memory_order_seq_cst);
    // Cleared by somebody else: it was woken to look for work.
    mine.searching = !mine.asleep.exchange(false, std::memory_order_seq_cst);
    if (monitor_dozes.load(std::memory_order_seq_cst) && monitor_dozes.exchange(false)) monitor_dozes.notify_one();
    if (mine.queue.size() > 1) wake_another();
}

// Whoever makes a fiber runnable while one_searches_ is set relies upon a search that is still to come. If there
// was nobody to wake after all, this is where that search has to happen.
void Scheduler::wake_one() noexcept {
    do {
        std::atomic_thread_fence(std::memory_order_seq_cst);
        if (sleeping_.load(std::memory_order_seq_cst) == 0) return;
        if (one_searches_.exchange(true, std::memory_order_seq_cst)) return;
        for (auto& processor : processors_) {
            if (processor->asleep.load(std::memory_order_relaxed) &&
                processor->asleep.exchange(false, std::memory_order_seq_cst)) {
                processor->reactor().wake();
                return;
            }
        }
        one_searches_.store(false, std::memory_order_seq_cst);
        std::atomic_thread_fence(std::memory_order_seq_cst);
    } while (!global_.empty());
}

void Scheduler::wake_all() noexcept {
    for (auto& processor : processors_) processor->reactor().wake();
}

void Scheduler::publish(Fiber& fiber) noexcept {
    global_.push(&fiber);
    wake_one();
}

// ---- machines

// With a stack to run upon: without one it could not take the processor over.
Machine* Scheduler::reserve_machine() noexcept {
    std::lock_guard lock(machines_mutex_);
    Machine* machine = idle_or_new_machine();
    if (machine == nullptr || machine->stack != nullptr) return machine;
    machine->stack = slabs_.take();
    if (machine->stack != nullptr) return machine;
    idle_machines_.push_back(machine);
    return nullptr;
}

Machine* Scheduler::idle_or_new_machine() noexcept {
    if (!idle_machines_.empty()) {
        Machine* machine = idle_machines_.back();
        idle_machines_.pop_back();
        return machine;
    }
    if (machines_.size() >= machines_max_) return nullptr;
    try {
        auto machine = std::make_unique<Machine>(*this);
        machine->start_thread();
        return machines_.emplace_back(std::move(machine)).get();
    } catch (const std::exception&) {  // no more threads are to be had, or no memory for one
        return nullptr;
    }
}

void Scheduler::idle(Machine& machine) noexcept {
    std::lock_guard lock(machines_mutex_);
    if (machine.stack != nullptr) slabs_.give(std::exchange(machine.stack, nullptr));  // reserved in vain
    if (machines_end_) machine.assign(nullptr);
    else idle_machines_.push_back(&machine);
}

void Scheduler::processor_finished(Processor&) noexcept {
    std::lock_guard lock(machines_mutex_);
    if (++processors_finished_ < processors_.size()) return;
    machines_end_ = true;
    for (Machine* machine : idle_machines_) machine->assign(nullptr);
    idle_machines_.clear();
}

// ---- figures

// What is known only together stands in the first processor's counters; under the mutex, so that one thread writes.
void Scheduler::refresh_figures() {
    std::lock_guard lock(machines_mutex_);
    for (auto& processor : processors_) processor->counters.runnable.set(processor->runnable());
    WorkerCounters& shared = processors_.front()->counters;
    std::uint64_t stuck = 0;
    std::string routes;
    for (const auto& machine : machines_) {
        const char* name = machine->stuck_route.load(std::memory_order_relaxed);
        if (name == nullptr) continue;
        ++stuck;
        const std::string_view route = name;
        if (routes.find(route) == std::string::npos) routes.append(routes.empty() ? "" : ",").append(route);
    }
    shared.handoffs_refused.set(handoffs_refused());
    shared.global_queue.set(global_.size());
    shared.stack_bytes_max.set(slabs_.high_water_bytes());
    shared.threads.set(machines_.size());
    shared.threads_idle.set(idle_machines_.size());
    shared.threads_stuck.set(stuck);
    shared.stuck.write(stuck, routes);
}

// ---- connections and drain

void Scheduler::processor_listens(Processor& processor) noexcept {
    if (listening_.fetch_add(1, std::memory_order_acq_rel) + 1 < processors_.size()) return;
    if (service_->on_ready) service_->on_ready();
    if (service_->main) processor.spawn(main_flow(*service_, *backend_), "main");
}

std::uint64_t Scheduler::spawned() const noexcept {
    std::uint64_t ended = 0;
    std::uint64_t begun = 0;
    for (const auto& processor : processors_) ended += processor->flows.ended();
    for (const auto& processor : processors_) begun += processor->flows.begun();
    return begun - ended;
}

// A place is taken before an accept is filed, since every processor files one: together they would pass the limit.
bool Scheduler::take_place() noexcept {
    if (draining()) return false;
    const std::uint64_t max = service_->connections_max;
    std::uint64_t taken = places_.load(std::memory_order_relaxed);
    while (max == 0 || taken < max) {
        if (places_.compare_exchange_weak(taken, taken + 1, std::memory_order_acq_rel)) return true;
    }
    accept_paused_.store(true, std::memory_order_relaxed);
    return false;
}

void Scheduler::give_place() noexcept {
    const std::uint64_t before = places_.fetch_sub(1, std::memory_order_acq_rel);
    if (before == service_->connections_max && !draining()) wake_all();
}

void Scheduler::connection_closed() noexcept {
    connections_.fetch_sub(1, std::memory_order_acq_rel);
    give_place();
}

bool Scheduler::all_accepting_ended() const noexcept {
    return std::ranges::all_of(
        processors_, [](const auto& processor) { return processor->accepting_ended.load(std::memory_order_acquire); });
}

void Scheduler::begin_drain() noexcept {
    draining_.store(true, std::memory_order_release);
    wake_all();
}

void Scheduler::cancel_flows() noexcept {
    cancelling_.store(true, std::memory_order_release);
    wake_all();
}

void Scheduler::stop() noexcept {
    stopping_.store(true, std::memory_order_seq_cst);
    wake_all();
}

}  // namespace spindle::runtime
