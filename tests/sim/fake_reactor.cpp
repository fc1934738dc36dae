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
    timers_.push_back(&wait);
}

bool Reactor::can_end_one() const noexcept {
    const bool has_client = FakeKernel::running->has_client();
    return (!timers_.empty() && !FakeKernel::running->clock_stands) ||
           std::ranges::any_of(filed_, [&](const Filed& filed) { return filed.cancelled || has_client; });
}

void Reactor::end_one() noexcept {
    auto& random = VirtualThreads::running->random;
    const bool has_client = FakeKernel::running->has_client();
    const auto filed = std::ranges::find_if(filed_, [&](const Filed& one) { return one.cancelled || has_client; });
    const bool may_ring = !timers_.empty() && !FakeKernel::running->clock_stands;
    if (filed != filed_.end() && (!may_ring || random() % 2 == 0)) {
        const bool accepts = has_client && (!filed->cancelled || random() % 2 == 0);
        completed_.push_back({filed->operation, accepts ? FakeKernel::running->next_client() : -ECANCELED});
        filed_.erase(filed);
    } else {
        const auto timer = timers_.begin() + static_cast<std::ptrdiff_t>(random() % timers_.size());
        due_.push_back(*timer);
        timers_.erase(timer);
    }
}

unsigned Reactor::poll(Block block, unsigned completions_max) {
    const Occupied here(*this);
    const std::function<bool()> event = [this] { return !completed_.empty() || !due_.empty(); };
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
        completed.operation->on_complete(*completed.operation, completed.result, 0);
    }
    for (Wait* wait : std::exchange(due_, {})) complete_wait(*wait, -ETIMEDOUT, 0);
    return ran;
}

void Reactor::wake() noexcept {
    VirtualThreads::here();
    if (!std::exchange(wake_pending_, true)) completed_.push_back({nullptr, 0});
}

bool Reactor::wake_a_neighbour() noexcept {
    if (timers_.empty()) return false;
    Wait& wait = *timers_.back();
    timers_.pop_back();
    complete_wait(wait, -ECANCELED, 0);
    return true;
}

void Reactor::drain() noexcept {
    if (std::exchange(draining_, true)) return;
    end_waits(Fired::drained);
}

void Reactor::cancel_all() noexcept {
    draining_ = stopping_ = true;
    end_waits(Fired::cancelled);
}

void Reactor::end_waits(Fired reason) noexcept {
    const auto others = std::stable_partition(timers_.begin(), timers_.end(), [reason](const Wait* wait) {
        return reason == Fired::cancelled || wait->drainable;
    });
    const std::vector<Wait*> ended(timers_.begin(), others);
    timers_.erase(timers_.begin(), others);
    for (Wait* wait : ended) complete_wait(*wait, -ECANCELED, 0);
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
