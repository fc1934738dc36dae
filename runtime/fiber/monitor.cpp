// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/monitor.hpp"

#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "runtime/fiber/thread_slice.hpp"
#include "runtime/fiber/thread_state.hpp"

namespace spindle::runtime {

Monitor::Monitor(Scheduler& scheduler, const Service& service, std::chrono::nanoseconds handoff_after,
                 std::atomic<bool>& drain_requested)
    : scheduler_(scheduler),
      service_(service),
      handoff_after_(handoff_after),
      drain_requested_(drain_requested),
      looks_(scheduler.processors().size()) {
    // All that is needed before the thread begins, and all that there will ever be: later there may be no memory.
    away_.reserve(scheduler.machines().capacity());
    cpu_set_t usable;
    if (::sched_getaffinity(0, sizeof usable, &usable) == 0) {
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &usable)) cpus_.push_back({.cpu = cpu});
        }
    }
    thread_ = std::thread([this] { watch(); });
}

Monitor::~Monitor() {
    ending_.store(true, std::memory_order_seq_cst);
    scheduler_.monitor_dozes.store(false);
    scheduler_.monitor_dozes.notify_one();
    thread_.join();
}

void Monitor::watch() {
    // Else the kernel lets a thread that asks for 100 us sleep 50 more, and wait for its turn beside stuck machines.
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    set_thread_slice(kMachineSlice);
    Clock::time_point busy = Clock::now();
    Clock::time_point watchful_until = busy;
    while (!ending_.load(std::memory_order_relaxed)) {
        const Clock::time_point now = Clock::now();
        const bool suspicious = look_at_processors(now);
        const bool somebody_away = kick_machines_away(now);
        if (somebody_away) spread_machines_away(now);
        lead_drain(now);
        if (suspicious || somebody_away) watchful_until = now + kWatchfulFor;
        if (!scheduler_.everybody_sleeps() || somebody_away) busy = now;
        if (now - busy > kDozeAfter && !drain_began_) {
            doze();
            busy = Clock::now();
        }
        const Clock::duration pause =
            now < watchful_until ? kLook : std::clamp<Clock::duration>(handoff_after_, kLook, kRestMax);
        std::this_thread::sleep_for(pause);
    }
}

// Nobody runs and nobody can be stuck: sleep until a processor leaves its reactor. Announce first, look after.
void Monitor::doze() {
    scheduler_.monitor_dozes.store(true);
    if (scheduler_.everybody_sleeps() && !drain_requested_.load() && !ending_.load()) {
        scheduler_.monitor_dozes.wait(true);
    }
    scheduler_.monitor_dozes.store(false);
}

// True if somebody was seen in the same stay in user code as before.
bool Monitor::look_at_processors(Clock::time_point now) {
    bool suspicious = false;
    auto& processors = scheduler_.processors();
    for (std::size_t i = 0; i < processors.size(); ++i) {
        const std::uint64_t word = processors[i]->word();
        if ((word & Processor::kUser) == 0) continue;
        if (looks_[i].word != word) {
            const Machine* machine = processors[i]->machine.load(std::memory_order_acquire);
            looks_[i] = {.word = word, .since = now, .cpu_time_at = now, .cpu_time = machine->cpu_time()};
            continue;
        }
        suspicious = true;
        if (too_long(*processors[i], looks_[i], now)) hand_off(*processors[i], looks_[i], now);
    }
    return suspicious;
}

bool Monitor::too_long(Processor& processor, Look& look, Clock::time_point now) {
    const auto lasted = now - look.since;
    const bool blocked = is_blocked(processor, look, now);
    if (lasted >= handoff_after_ * kUnneededAfter) return true;
    return (blocked || lasted >= handoff_after_) && is_needed(processor, now);
}

// Something waits there that would run if its machine came back.
bool Monitor::is_needed(const Processor& processor, Clock::time_point now) {
    const auto nanoseconds = std::chrono::nanoseconds(now.time_since_epoch()).count();
    return processor.has_waiting_work(static_cast<std::uint64_t>(nanoseconds));
}

// Judged anew over each kLook or more: a handler may compute first and block then. Most threads that used no CPU time
// sleep, but some wait for a CPU, with their turn to come: taking their processor away would help nobody.
bool Monitor::is_blocked(const Processor& processor, Look& look, Clock::time_point now) {
    const auto passed = now - look.cpu_time_at;
    if (passed < kLook * 3 / 4) return false;
    const Machine* machine = processor.machine.load(std::memory_order_acquire);
    const auto cpu_time = machine->cpu_time();
    const auto used = cpu_time - look.cpu_time;
    look.cpu_time_at = now;
    look.cpu_time = cpu_time;
    return used < passed / 16 && is_asleep(machine->thread_id());
}

// The machine is reserved first: a processor taken without anybody to run it would be lost.
void Monitor::hand_off(Processor& processor, Look& look, Clock::time_point now) {
    const char* route = processor.route.load(std::memory_order_relaxed);
    Machine* stuck = processor.machine.load(std::memory_order_acquire);
    Machine* fresh = scheduler_.reserve_machine();
    const Stall stall{"fiber", processor.index, route, now - look.since, fresh != nullptr};
    if (fresh == nullptr) {
        if (std::exchange(look.refused, true)) return;
        scheduler_.handoff_refused();
        if (service_.on_stall) service_.on_stall(stall);
        return;
    }
    // Before: it may come back, and clear it, right after.
    stuck->taken_from.store(true, std::memory_order_relaxed);
    stuck->stuck_route.store(route, std::memory_order_relaxed);
    if (!processor.retake(look.word)) {
        stuck->taken_from.store(false, std::memory_order_relaxed);
        stuck->stuck_route.store(nullptr, std::memory_order_relaxed);
        scheduler_.idle(*fresh);
        return;
    }
    processor.counters.stalls.add();
    processor.counters.handoffs.add();
    fresh->assign(&processor);
    if (service_.on_stall) service_.on_stall(stall);
}

// What a machine filed completes upon its next entry to the kernel (COOP_TASKRUN). One that computes must be made
// to enter; one that is blocked there is woken by the kernel itself, and a signal would end its system call.
bool Monitor::kick_machines_away(Clock::time_point now) {
    bool somebody_away = false;
    std::lock_guard lock(scheduler_.machines_mutex());
    auto& machines = scheduler_.machines();
    away_.resize(machines.size());
    for (std::size_t i = 0; i < machines.size(); ++i) {
        if (!machines[i]->away()) continue;
        somebody_away = true;
        if (wants_kick(*machines[i], away_[i], now)) machines[i]->kick();
    }
    return somebody_away;
}

// At once when its former processor sleeps while the kernel has something for it; else now and then, since a
// processor that is busy hides from us what waits for whom.
bool Monitor::wants_kick(const Machine& machine, Away& seen, Clock::time_point now) {
    const Processor& processor = *machine.held_last.load(std::memory_order_relaxed);
    const bool waited_for = processor.asleep.load(std::memory_order_relaxed) && processor.has_task_work();
    if (!waited_for && now - seen.kicked_at < kKickEvery) return false;
    const auto cpu_time = machine.cpu_time();
    const bool computes = cpu_time != seen.cpu_time;
    seen = {now, cpu_time, computes};
    return computes;
}

// Two machines that compute on one CPU while another one has only those that serve: the kernel's balancing sees
// that CPU busy at every tick and two threads too short off the CPU to be moved, and lets it be for most of what
// they take. One is moved there.
void Monitor::spread_machines_away(Clock::time_point now) {
    if (now - spread_at_ < kSpreadEvery || cpus_.size() < 2) return;
    spread_at_ = now;
    std::lock_guard lock(scheduler_.machines_mutex());
    for (ComputingOn& one : cpus_) one.last = nullptr, one.count = 0;
    for (std::size_t i = 0; i < away_.size(); ++i) {
        const Machine& machine = *scheduler_.machines()[i];
        if (!machine.away() || !away_[i].computes) continue;
        const auto there = std::ranges::find(cpus_, machine.cpu(), &ComputingOn::cpu);
        if (there == cpus_.end()) continue;
        there->last = &machine;
        ++there->count;
    }
    const auto [least, most] = std::ranges::minmax_element(cpus_, {}, &ComputingOn::count);
    if (most->count >= least->count + 2) most->last->move_to(least->cpu);
}

void Monitor::lead_drain(Clock::time_point now) {
    if (!drain_requested_.load(std::memory_order_relaxed)) return;
    if (!drain_began_) {
        drain_began_ = now;
        scheduler_.begin_drain();
    }
    const DrainTimes times(service_.drain_timeout);
    // In this order: until accepting has ended, a connection may come, and spawn a flow, after they were counted.
    if (scheduler_.all_accepting_ended() && scheduler_.connections() == 0 && scheduler_.spawned() == 0) {
        scheduler_.stop();
    } else if (now - *drain_began_ >= times.abandon_after) {
        if (service_.abandon) service_.abandon();
        std::_Exit(0);
    } else if (now - *drain_began_ >= times.cancel_after && !std::exchange(cancelled_, true)) {
        scheduler_.processors()[0]->counters.cut.add(scheduler_.connections() + scheduler_.spawned());
        scheduler_.cancel_flows();
    }
}

}  // namespace spindle::runtime
