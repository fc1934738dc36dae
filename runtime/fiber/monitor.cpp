// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/monitor.hpp"

#include <algorithm>
#include <cstdlib>

namespace spindle::runtime {

Monitor::Monitor(Scheduler& scheduler, const Service& service, std::chrono::nanoseconds handoff_after,
                 std::atomic<bool>& drain_requested)
    : scheduler_(scheduler),
      service_(service),
      handoff_after_(handoff_after),
      drain_requested_(drain_requested),
      looks_(scheduler.processors().size()),
      thread_([this] { watch(); }) {}

Monitor::~Monitor() {
    ending_.store(true, std::memory_order_seq_cst);
    scheduler_.monitor_dozes.store(false);
    scheduler_.monitor_dozes.notify_one();
    thread_.join();
}

void Monitor::watch() {
    Clock::time_point busy = Clock::now();
    while (!ending_.load(std::memory_order_relaxed)) {
        const Clock::time_point now = Clock::now();
        const bool somebody_is_in_user_code = look_at_processors(now);
        kick_stuck_machines();
        lead_drain(now);
        if (!scheduler_.everybody_sleeps()) busy = now;
        if (now - busy > kDozeAfter && !drain_deadline_) {
            doze();
            busy = Clock::now();
        }
        std::this_thread::sleep_for(somebody_is_in_user_code ? handoff_after_ / 4 : handoff_after_);
    }
}

// Nobody runs and nobody can be stuck: sleep until a processor leaves its ring. Announce first, look after.
void Monitor::doze() {
    scheduler_.monitor_dozes.store(true);
    if (scheduler_.everybody_sleeps() && !drain_requested_.load() && !ending_.load()) {
        scheduler_.monitor_dozes.wait(true);
    }
    scheduler_.monitor_dozes.store(false);
}

bool Monitor::look_at_processors(Clock::time_point now) {
    bool user_code = false;
    auto& processors = scheduler_.processors();
    for (std::size_t i = 0; i < processors.size(); ++i) {
        const std::uint64_t word = processors[i]->word();
        if ((word & Processor::kUser) == 0) continue;
        user_code = true;
        if (looks_[i].word != word) {
            looks_[i] = {word, now, false};
        } else if (now - looks_[i].since >= handoff_after_) {
            hand_off(*processors[i], looks_[i], now);
        }
    }
    return user_code;
}

// The machine is reserved first: a processor taken without anybody to run it would be lost.
void Monitor::hand_off(Processor& processor, Look& look, Clock::time_point now) {
    const char* route = processor.route.load(std::memory_order_relaxed);
    Machine* stuck = processor.machine.load(std::memory_order_acquire);
    Machine* fresh = scheduler_.reserve_machine();
    const Stall stall{"fiber", processor.index, route, now - look.since, fresh != nullptr};
    if (fresh == nullptr) {
        if (!std::exchange(look.refused, true) && service_.on_stall) service_.on_stall(stall);
        return;
    }
    if (!processor.retake(look.word)) {
        scheduler_.idle(*fresh);
        return;
    }
    stuck->stuck.store(true, std::memory_order_relaxed);
    processor.counters.stalls.add();
    processor.counters.handoffs.add();
    fresh->assign(&processor);
    if (service_.on_stall) service_.on_stall(stall);
}

// What a stuck machine filed completes upon its next entry to the kernel (COOP_TASKRUN): make it enter.
void Monitor::kick_stuck_machines() {
    std::lock_guard lock(scheduler_.machines_mutex());
    for (auto& machine : scheduler_.machines()) {
        if (machine->stuck.load(std::memory_order_relaxed)) machine->kick();
    }
}

void Monitor::lead_drain(Clock::time_point now) {
    if (!drain_requested_.load(std::memory_order_relaxed)) return;
    if (!drain_deadline_) {
        drain_deadline_ = now + service_.drain_timeout;
        scheduler_.begin_drain();
    }
    if (scheduler_.connections() == 0 && scheduler_.all_accepting_ended()) {
        scheduler_.stop();
    } else if (now >= *drain_deadline_ + kAbandonAfter) {
        if (service_.abandon) service_.abandon();
        std::_Exit(0);
    } else if (now >= *drain_deadline_ && !std::exchange(cancelled_, true)) {
        scheduler_.processors()[0]->counters.cut.add(scheduler_.connections());
        scheduler_.cancel_flows();
    }
}

}  // namespace spindle::runtime
