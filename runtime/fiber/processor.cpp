// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/processor.hpp"

#include <algorithm>
#include <utility>

#include "runtime/cycle_clock.hpp"
#include "runtime/fiber/fairness.hpp"
#include "runtime/fiber/machine.hpp"
#include "runtime/fiber/scheduler.hpp"
#include "runtime/overflow_reporter.hpp"
#include "runtime/relax.hpp"
#include "runtime/spawned_flow.hpp"

namespace spindle::runtime {

namespace {

// A flow that was woken last waits for its waker to leave the processor, which takes a fraction of a microsecond if the
// two wake each other in turn, and then is much cheaper than a wake-up of another processor. So a thief leaves it
// there for some microseconds, as in Go, and one that came in vain is not called again for a while; what it misses
// then is the monitor's to see.
constexpr int kPausesBeforeStealing = 100;
constexpr std::uint64_t kPauseAfterVainOffer = 200'000;  // ns

}  // namespace

Processor::Processor(unsigned number, Scheduler& scheduler, StackSlabs& slabs, WorkerCounters& shared)
    : Worker(number, "fiber", shared), scheduler_(scheduler), stacks_(slabs) {}

Result<void> Processor::open() {
    auto made = Reactor::create({.sharing = Sharing::migrating});
    if (!made) return std::unexpected(made.error());
    reactor_owner_ = std::move(*made);
    reactor_ = reactor_owner_.get();
    reactor_->measure(meter);
    return {};
}

// ---- waiting

// A completion's fiber goes behind those that wait already. One that the running fiber wakes goes before them, and
// sends the one that was there into the queue.
void Processor::wake(Waiter& waiter) noexcept {
    waiter.fiber->enter(FlowState::runnable, reactor_->now(), index);
    if (this_machine().fiber == nullptr) return push(*waiter.fiber);
    waiter.fiber->runnable_since = meter.runnable_since();
    Fiber* displaced = next_.exchange(waiter.fiber, std::memory_order_acq_rel);
    if (displaced == nullptr) return;
    take_over(*displaced);
    scheduler_.wake_another();
}

Fiber* Processor::take_next() noexcept {
    if (next_.load(std::memory_order_relaxed) == nullptr) return nullptr;
    return next_.exchange(nullptr, std::memory_order_acq_rel);
}

Fiber* Processor::pop() noexcept {
    if (next_in_a_row_ < kNextInARow) {
        ++next_in_a_row_;
        if (Fiber* fiber = take_next()) {
            if (std::exchange(next_offered_, false)) offered_in_vain_at_ = CycleClock::now();
            return fiber;
        }
    }
    next_in_a_row_ = 0;
    if (Fiber* fiber = queue.pop()) return fiber;
    return take_next();
}

Fiber* Processor::steal_next() noexcept {
    const std::uint64_t seen = word();
    if (!offers_next()) return nullptr;
    for (int i = 0; i < kPausesBeforeStealing; ++i) relax();
    return word() == seen ? take_next() : nullptr;
}

void Processor::suspend(Waiter& waiter, std::coroutine_handle<> coroutine) noexcept {
    waiter.fiber = this_machine().fiber;
    waiter.fiber->coroutine = coroutine;
    waiter.fiber->enter(FlowState::waiting, reactor_->now(), index);
}

bool Processor::must_park() const noexcept { return this_machine().fiber->route != nullptr; }

bool Processor::prepare_park(Waiter& waiter) noexcept {
    fresh_ = stacks_.take();
    if (fresh_ == nullptr) return false;
    waiter.fiber = this_machine().fiber;
    return true;
}

void Processor::park() noexcept { this_machine().park_running_fiber(*std::exchange(fresh_, nullptr)); }

// One that is asleep is woken for it, if there is anything to give.
void Processor::ask_to_rest_stacks() noexcept {
    rest_asked_.store(true, std::memory_order_relaxed);
    if (asleep.load(std::memory_order_relaxed) && stacks_cached_ > 0) reactor_->wake();
}

void Processor::rest_stacks() noexcept {
    rest_asked_.store(false, std::memory_order_relaxed);
    stacks_.rest();
}

void Processor::unprepare_park() noexcept { stacks_.give(std::exchange(fresh_, nullptr)); }

void Processor::on_departure(Departure& departure) noexcept { this_machine().departing = &departure; }

void Processor::make_runnable(FlowWaiter& waiter) noexcept { wake(waiter); }

void Processor::make_runnable_last(FlowWaiter& waiter) noexcept {
    waiter.fiber->enter(FlowState::runnable, reactor_->now(), index);
    push(*waiter.fiber);
}

void Processor::make_runnable_from_outside(FlowWaiter& waiter) noexcept {
    waiter.fiber->enter(FlowState::runnable, CycleClock::kernel_clock(), index);
    scheduler_.publish(*waiter.fiber);
}

void Processor::spawn(task<void> flow, const char* route) {
    const Root<Fiber> root = spawned_flow<Fiber>(scheduler_.service(), std::move(flow), route);
    Fiber& spawned = root.payload();
    spawned.coroutine = root.handle();
    spawned.enter(FlowState::runnable, reactor_->now(), index);
    flows.begin();
    scheduler_.flows().add(spawned, index);
    push(spawned);
    scheduler_.wake_another();
}

void Processor::end_spawned() noexcept {
    scheduler_.flows().remove(*this_machine().fiber);
    flows.end();
}

void Processor::push(Fiber& fiber) noexcept {
    fiber.runnable_since = meter.runnable_since();
    take_over(fiber);
}

void Processor::take_over(Fiber& fiber) noexcept {
    queue.push(&fiber, [this](std::span<Fiber* const> older) { scheduler_.overflow(older); });
}

// ---- user code

void Processor::begin_handler(const char* name) noexcept {
    this_machine().fiber->route = name;
    enter_user();
}

void Processor::end_handler() noexcept {
    enter_runtime();
    const Machine& machine_now = this_machine();
    // Without a guard page this is the last who can say in whose hands the stack was.
    if (!machine_now.stack->intact()) [[unlikely]]
        report_overflow(scheduler_.stacks().stack_size());
    machine_now.fiber->route = nullptr;
}

void Processor::enter_user() noexcept {
    Machine& machine_now = this_machine();
    route.store(machine_now.fiber->route, std::memory_order_relaxed);
    meter.in(machine_now.fiber->route);
    machine_now.user_word = ((word_.load(std::memory_order_relaxed) | kUser) + kEpoch);
    if (next_.load(std::memory_order_relaxed) != nullptr) [[unlikely]]
        return enter_user_with_next(machine_now.user_word);
    word_.store(machine_now.user_word, std::memory_order_release);
}

// From then on another processor may take it.
void Processor::enter_user_with_next(std::uint64_t user_word) noexcept {
    const bool offers = CycleClock::now() - offered_in_vain_at_ >= kPauseAfterVainOffer;
    if (offers) next_offered_ = true;
    word_.store(user_word, std::memory_order_release);
    if (offers) scheduler_.wake_another();
}

// `this` may be a processor that was taken away: then only the machine knows where it stands.
void Processor::enter_runtime() noexcept {
    Machine& machine_now = this_machine();
    if (machine_now.fiber->route == nullptr) return;
    std::uint64_t expected = machine_now.user_word;
    if (word_.compare_exchange_strong(expected, expected & ~kUser, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
        return;
    }
    // An exception left the runtime without a word: the processor is still ours.
    if (expected == (machine_now.user_word & ~kUser)) return;
    machine_now.requeue_running_fiber();
}

Scope* Processor::scope() const noexcept { return this_machine().fiber->scope; }

void Processor::set_scope(Scope* scope) noexcept { this_machine().fiber->scope = scope; }

void Processor::leave_runtime() noexcept {
    if (this_machine().fiber->route != nullptr) enter_user();
}

bool Processor::retake(std::uint64_t seen) noexcept {
    return word_.compare_exchange_strong(seen, (seen & ~kUser) + kEpoch, std::memory_order_acq_rel,
                                         std::memory_order_relaxed);
}

bool Processor::has_waiting_work(std::uint64_t now) const noexcept {
    const Reactor& ring = *reactor_owner_;
    return runnable() > 0 || ring.has_completions() || ring.has_task_work() || ring.has_due_timer(now) ||
           ring.has_readable_sockets();
}

// The job's thread is this machine's; the processor goes to another one at once.
bool Processor::run_blocking_here(BlockingJob& job) noexcept {
    counters.blocking_calls.add();
    Machine& machine_now = this_machine();
    Machine* other = scheduler_.reserve_machine();
    if (other == nullptr) {  // at threads_max: block here, as an undeclared call would
        scheduler_.handoff_refused();
        job.run(job);
        return true;
    }
    counters.handoffs.add();
    machine_now.gave_away.store(true, std::memory_order_relaxed);
    meter.end();
    machine_now.run_began = 0;  // what blocks from here on is no run
    machine_now.processor = nullptr;
    set_current_worker(nullptr);
    other->assign(this);
    job.run(job);
    machine_now.requeue_running_fiber();
    return true;
}

std::uint64_t Processor::runnable_since() const noexcept { return this_machine().fiber->runnable_since; }

void Processor::refresh_figures() { scheduler_.refresh_figures(); }

// ---- accepting and draining

bool Processor::may_accept() noexcept { return scheduler_.take_place(); }

void Processor::accepted_nothing() noexcept { scheduler_.give_place(); }

void Processor::accepted(Accepted accepted) {
    const Root<Fiber> root = flow(scheduler_.service().serve(accepted));
    counters.accepted.add();
    if (scheduler_.connection_opened() == scheduler_.service().connections_max) counters.accepts_paused.add();
    root.payload().coroutine = root.handle();
    root.payload().enter(FlowState::runnable, reactor_->now(), index);
    scheduler_.flows().add(root.payload(), index);
    push(root.payload());
}

// Its frame lives as long as the connection: smaller with the task as its only variable.
Root<Fiber> Processor::flow(task<void> serving) {
    co_await serving;
    serving.release().destroy();
    scheduler_.flows().remove(*this_machine().fiber);
    counters.closed.add();
    scheduler_.connection_closed();
}

void Processor::start_listening() noexcept {
    if (std::exchange(listening_, true)) return;
    for (const int listener : scheduler_.service().listeners)
        acceptors_.emplace_back(listener, static_cast<unsigned>(acceptors_.size()), *this).resume();
    scheduler_.processor_listens(*this);
}

void Processor::resume_accepting() noexcept {
    for (Acceptor& acceptor : acceptors_) acceptor.resume();
}

void Processor::heed_drain() noexcept {
    if (!drained_ && scheduler_.draining()) {
        drained_ = true;
        for (Acceptor& acceptor : acceptors_) acceptor.stop();
        reactor_->drain();
    }
    if (drained_ && !accepting_ended.load(std::memory_order_relaxed)) {
        const bool ended = std::ranges::all_of(acceptors_, [](const Acceptor& acceptor) { return acceptor.ended(); });
        accepting_ended.store(ended, std::memory_order_release);
    }
    if (!cancelled_ && scheduler_.cancelling()) {
        cancelled_ = true;
        reactor_->cancel_all();
    }
}

void Processor::shut_down() noexcept { reactor_->shut_down(); }

}  // namespace spindle::runtime
