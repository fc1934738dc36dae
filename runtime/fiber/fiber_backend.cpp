// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/fiber_backend.hpp"

#include <atomic>
#include <csignal>

#include "runtime/fiber/fiber_dump.hpp"
#include "runtime/fiber/monitor.hpp"
#include "runtime/fiber/scheduler.hpp"
#include "runtime/fiber/stack_trimmer.hpp"
#include "runtime/overflow_reporter.hpp"

namespace spindle::runtime {

namespace {

class FiberBackend final : public Backend {
  public:
    explicit FiberBackend(const FiberOptions& options)
        : options_(options),
          own_counters_(options.counters == nullptr ? std::make_unique<CounterSlots>(options.processors) : nullptr),
          scheduler_(options.counters == nullptr ? *own_counters_ : *options.counters, options.stack_size,
                     options.stack_guard, std::max(options.threads_max, options.processors + 1)) {}

    const char* name() const noexcept override { return "fiber"; }
    Result<void> run(const Service& service) override;
    void request_drain() noexcept override;
    Figures figures() const override;
    void refresh_figures() override { scheduler_.refresh_figures(); }
    Teardown teardown() const override;
    void dump(const DumpLine& line) override { dump_fibers(scheduler_, line); }

  private:
    const FiberOptions options_;
    const std::unique_ptr<CounterSlots> own_counters_;  // unless they are given
    Scheduler scheduler_;
    std::atomic<bool> drain_requested_{false};
    std::atomic<bool> running_{false};
};

// The monitor's kick must interrupt nothing but the kernel's laziness: SA_RESTART, and nothing to do.
void install_kick_handler() {
    struct sigaction action{};
    action.sa_handler = [](int) {};
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGURG, &action, nullptr);
}

Result<void> FiberBackend::run(const Service& service) {
    Result<void> opened = scheduler_.open();
    if (!opened) return opened;
    install_kick_handler();
    install_overflow_reporter([]() noexcept -> StackUser {
        const Fiber* fiber = running_fiber();
        return fiber == nullptr ? StackUser{} : StackUser{fiber->id, fiber->route};
    });
    running_.store(true, std::memory_order_seq_cst);
    Monitor monitor(scheduler_, service, options_.handoff_after, drain_requested_);
    const StackTrimmer trimmer(scheduler_);
    scheduler_.run(service, *this);
    scheduler_.stacks().measure_high_water();
    running_.store(false, std::memory_order_seq_cst);
    return {};
}

// A sleeping processor that is woken wakes the monitor, which leads the drain.
void FiberBackend::request_drain() noexcept {
    drain_requested_.store(true, std::memory_order_seq_cst);
    if (running_.load(std::memory_order_seq_cst)) scheduler_.processors()[0]->reactor().wake();
}

Figures FiberBackend::figures() const {
    Figures sum;
    for (const auto& processor : scheduler_.processors()) sum += read_figures(processor->counters);
    sum.handoffs_refused = scheduler_.handoffs_refused();
    sum.stack_bytes_max = scheduler_.stacks().high_water_bytes();
    return sum;
}

Teardown FiberBackend::teardown() const {
    Teardown left;
    left.connections = scheduler_.connections();
    left.flows = scheduler_.spawned();
    left.fibers = left.connections + left.flows;
    for (const auto& processor : scheduler_.processors()) {
        left.buffers += processor->reactor().buffers().outstanding();
        left.operations += processor->reactor().in_flight();
    }
    return left;
}

}  // namespace

std::unique_ptr<Backend> make_fiber(const FiberOptions& options) { return std::make_unique<FiberBackend>(options); }

}  // namespace spindle::runtime
