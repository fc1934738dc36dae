// SPDX-License-Identifier: Apache-2.0
#include "runtime/reactor/reactor.hpp"

#include <algorithm>
#include <utility>

#include "tests/sim/fake_kernel.hpp"
#include "tests/sim/virtual_threads.hpp"

namespace spindle::runtime {

using sim::FakeKernel;
using sim::VirtualThreads;

Result<std::unique_ptr<Reactor>> Reactor::create(Options) { return std::make_unique<Reactor>(); }
Reactor::Reactor() { FakeKernel::running->reactors.push_back(this); }
Reactor::~Reactor() { std::erase(FakeKernel::running->reactors, this); }

Reactor::Occupied::Occupied(Reactor& reactor) noexcept : reactor_(reactor), before_(reactor.occupant_) {
    const void* me = VirtualThreads::current();
    if (before_ != nullptr && before_ != me) VirtualThreads::fail("two machines hold one processor");
    reactor.occupant_ = me;
    VirtualThreads::here();
}

void Reactor::file(Operation& operation) {
    const Occupied here(*this);
    // Nothing but accepts is filed here.
    if (accept_pauses_) VirtualThreads::fail("an accept that failed is filed again at once");
    filed_.push_back({&operation, false});
    ++in_flight_;
}

void Reactor::cancel(Operation& operation) {
    const auto filed = std::ranges::find(filed_, &operation, &Filed::operation);
    if (filed != filed_.end()) filed->cancelled = true;
}

void Reactor::start_timer(Wait& wait, std::chrono::nanoseconds, bool drainable) noexcept {
    const Occupied here(*this);
    wait.drainable = drainable;
    wait.fire = wait_ended;
    link(timers_, wait);
}

void Reactor::wait_ended(Timer& timer, Fired reason) {
    complete_wait(static_cast<Wait&>(timer), reason == Fired::due ? -ETIMEDOUT : -ECANCELED, 0);
}

void Reactor::link(Timer*& list, Timer& timer) noexcept {
    timer.next = list;
    timer.link = &list;
    if (list != nullptr) list->link = &timer.next;
    list = &timer;
}

Timer& Reactor::any_timer() const noexcept {
    std::uint64_t count = 0;
    for (const Timer* timer = timers_; timer != nullptr; timer = timer->next) ++count;
    Timer* chosen = timers_;
    for (auto others = VirtualThreads::running->random() % count; others > 0; --others) chosen = chosen->next;
    return *chosen;
}

// Those that are no flow's are acceptors'.
void Reactor::fire(Timer& timer, Fired reason) noexcept {
    timer.unlink();
    if (timer.fire != wait_ended) accept_pauses_ = false;
    timer.fire(timer, reason);
}

bool Reactor::can_end_one() const noexcept {
    const bool has_client = FakeKernel::running->has_client();
    return (timers_ != nullptr && !FakeKernel::running->clock_stands) ||
           std::ranges::any_of(filed_, [&](const Filed& filed) { return filed.cancelled || has_client; });
}

void Reactor::end_one() noexcept {
    auto& random = VirtualThreads::running->random;
    const bool has_client = FakeKernel::running->has_client();
    const auto filed = std::ranges::find_if(filed_, [&](const Filed& one) { return one.cancelled || has_client; });
    const bool may_ring = timers_ != nullptr && !FakeKernel::running->clock_stands;
    if (filed != filed_.end() && (!may_ring || random() % 2 == 0)) {
        const bool accepts = has_client && (!filed->cancelled || random() % 2 == 0);
        const bool fails = accepts && FakeKernel::running->accept_fails();
        const int result = fails ? -ENOMEM : accepts ? FakeKernel::running->next_client() : -ECANCELED;
        completed_.push_back({filed->operation, result});
        filed_.erase(filed);
    } else {
        Timer& timer = any_timer();
        timer.unlink();
        link(due_, timer);
    }
}

unsigned Reactor::poll(Block block, unsigned completions_max) {
    const Occupied here(*this);
    const std::function<bool()> event = [this] { return !completed_.empty() || due_ != nullptr; };
    if (block == Block::until_event) VirtualThreads::wait_until("its ring", event);
    unsigned ran = 0;
    for (; ran < completions_max && !completed_.empty(); ++ran) {
        const Completed completed = completed_.front();
        completed_.pop_front();
        if (completed.operation == nullptr) {
            wake_pending_ = false;
            continue;
        }
        --in_flight_;
        if (completed.result == -ENOMEM) accept_failed();
        completed.operation->on_complete(*completed.operation, completed.result, 0);
    }
    while (due_ != nullptr) fire(*due_, Fired::due);
    return ran;
}

void Reactor::wake() noexcept {
    VirtualThreads::here();
    if (!std::exchange(wake_pending_, true)) completed_.push_back({nullptr, 0});
}

bool Reactor::wake_a_neighbour() noexcept {
    Timer* timer = timers_;
    while (timer != nullptr && timer->fire != wait_ended) timer = timer->next;
    if (timer == nullptr) return false;
    fire(*timer, Fired::cancelled);
    return true;
}

void Reactor::drain() noexcept {
    draining_ = true;  // no flow here waits so that a drain may end it
}

void Reactor::cancel_all() noexcept {
    draining_ = stopping_ = true;
    while (timers_ != nullptr) fire(*timers_, Fired::cancelled);
}

void Reactor::shut_down() noexcept {
    while (in_flight_ > 0) poll(Block::until_event);
}

void complete_wait(Operation& operation, std::int32_t result, std::uint32_t flags) {
    Wait& wait = static_cast<Wait&>(operation);
    wait.result = result;
    wait.flags = flags;
    current_worker().wake(wait.waiter);
}

}  // namespace spindle::runtime
