// SPDX-License-Identifier: Apache-2.0
#include "runtime/event_loop/event_loop.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <deque>
#include <optional>

#include "runtime/dump.hpp"
#include "runtime/event_loop/blocking_pool.hpp"
#include "runtime/event_loop/watchdog.hpp"
#include "runtime/flow.hpp"
#include "runtime/inbox.hpp"
#include "runtime/overflow_reporter.hpp"
#include "runtime/reactor/acceptor.hpp"
#include "runtime/reactor/reactor.hpp"
#include "runtime/root.hpp"
#include "runtime/spawned_flow.hpp"
#include "runtime/worker.hpp"

#include <sys/syscall.h>
#include <unistd.h>

namespace spindle::runtime {

namespace {

struct SpawnedFlow : Flow {
    FlowWaiter start;
};

class EventLoop final : public Backend, public Worker, public AcceptSink {
  public:
    /// The slot is options.counters', or one of `own`.
    EventLoop(const EventLoopOptions& options, std::unique_ptr<CounterSlots> own)
        : Worker(options.worker, "event_loop", own == nullptr ? (*options.counters)[options.worker] : (*own)[0]),
          options_(options),
          own_counters_(std::move(own)) {}

    // Backend
    const char* name() const noexcept override { return backend; }
    Result<void> run(const Service& service) override;
    void request_drain() noexcept override;
    Figures figures() const override { return read_figures(counters); }
    std::uint64_t runnable_since() const noexcept override { return runnable_since_; }
    void refresh_figures() override {}  // they are written as they change
    Teardown teardown() const override { return teardown_; }
    void dump(const DumpLine& line) override;

    // Worker
    void wake(Waiter& waiter) noexcept override;
    void suspend(Waiter& waiter, std::coroutine_handle<> coroutine) noexcept override;
    void begin_handler(const char* route) noexcept override {
        current_->route = route;
        enter(route);
    }
    void end_handler() noexcept override {
        current_->route = nullptr;
        pulse_.route.store(nullptr, std::memory_order_relaxed);
    }
    Scope* scope() const noexcept override { return current_->scope; }
    void set_scope(Scope* scope) noexcept override { current_->scope = scope; }
    void enter_runtime() noexcept override {}
    void leave_runtime() noexcept override {}
    bool must_park() const noexcept override { return false; }
    bool prepare_park(Waiter&) noexcept override { return false; }
    void park() noexcept override {}
    void unprepare_park() noexcept override {}
    void on_departure(Departure& departure) noexcept override { departure.left(departure); }  // all run later
    void make_runnable(FlowWaiter& waiter) noexcept override;
    void make_runnable_last(FlowWaiter& waiter) noexcept override { make_runnable(waiter); }
    void make_runnable_from_outside(FlowWaiter& waiter) noexcept override;
    void spawn(task<void> flow, const char* route) override;
    void end_spawned() noexcept override {
        flows_.remove(*current_);
        flows.end();
    }
    bool run_blocking_here(BlockingJob&) noexcept override { return false; }
    bool queue_blocking(BlockingJob& job, std::coroutine_handle<> coroutine) noexcept override;

  private:
    static constexpr unsigned kReadyMax = 256;  ///< continued between two looks at the ring

    // AcceptSink
    bool may_accept() noexcept override;
    void accepted(Accepted accepted) override;

    static StackUser stack_user() noexcept;
    static Root<Flow> flow(task<void> serving);
    void closed() noexcept;
    void enter(const char* route) noexcept {
        pulse_.route.store(route, std::memory_order_relaxed);
        meter.in(route);
    }
    void resume(Flow& flow, std::coroutine_handle<> coroutine, std::uint64_t runnable_since) noexcept;
    void tell_end_of_stall(std::uint64_t callback, const char* route, std::uint64_t ran) noexcept;
    void serve_surplus() noexcept;
    void collect_blocking() noexcept;
    void collect_from_outside() noexcept;
    void run_ready() noexcept;
    void begin_drain() noexcept;
    void check_drain() noexcept;
    [[nodiscard]] std::uint64_t connections() const noexcept {
        return counters.accepted.read() - counters.closed.read();
    }
    [[nodiscard]] std::uint64_t spawned() const noexcept { return flows.begun() - flows.ended(); }
    [[nodiscard]] std::uint64_t all_flows() const noexcept { return connections() + spawned(); }

    const EventLoopOptions options_;
    const std::uint64_t lag_warning_ = static_cast<std::uint64_t>(options_.lag_warning.count());
    const std::unique_ptr<CounterSlots> own_counters_;
    const Service* service_ = nullptr;
    std::unique_ptr<Reactor> reactor_owner_;
    std::atomic<Reactor*> wake_target_{nullptr};  // written by run(), read by request_drain() on any thread
    std::deque<Acceptor> acceptors_;
    std::deque<Accepted> surplus_;  // accepted beyond the limit: a multishot accept cannot be stopped within a burst
    std::atomic<bool> drain_requested_{false};
    std::optional<std::uint64_t> drain_deadline_;  // then flows are cancelled; ns of the reactor's clock
    Wait drain_timer_;
    LoopPulse pulse_;
    FlowRegistry flows_;
    Shown<Flow*> current_;                // the one that runs
    std::uint64_t runnable_since_ = 0;    // its
    std::atomic<int> loop_thread_id_{0};  // of run(), for dumps
    std::optional<Watchdog> watchdog_;
    std::optional<BlockingPool> pool_;
    Inbox<BlockingJob> blocking_done_;  // pushed by pool threads
    FlowWaiter* ready_head_ = nullptr;  // to be continued; oldest first
    FlowWaiter* ready_tail_ = nullptr;
    Inbox<FlowWaiter> ready_outside_;
    Teardown teardown_;
};

// ---- life cycle

Result<void> EventLoop::run(const Service& service) {
    service_ = &service;
    auto reactor = Reactor::create({.sharing = Sharing::one_thread});
    if (!reactor) return std::unexpected(reactor.error());
    reactor_owner_ = std::move(*reactor);
    reactor_ = reactor_owner_.get();
    reactor_->measure(meter);
    wake_target_.store(reactor_, std::memory_order_seq_cst);
    if (drain_requested_.load(std::memory_order_seq_cst)) reactor_->wake();  // before there was anything to wake
    set_current_worker(this);
    const AlternateSignalStack for_overflows;
    install_overflow_reporter(stack_user);
    loop_thread_id_.store(static_cast<int>(::syscall(SYS_gettid)), std::memory_order_relaxed);
    pulse_.thread = loop_thread_id_.load(std::memory_order_relaxed);
    counters.threads.set(1 + options_.blocking_threads);
    pool_.emplace(BlockingPool::Options{options_.blocking_threads, options_.blocking_queue_max}, counters,
                  [this](BlockingJob& job) {
                      counters.blocking_done.add();
                      blocking_done_.push(job);
                      reactor_->wake();
                  });
    // By the watchdog, whose clock runs also while the loop is stuck in a handler and has not seen the request.
    const auto abandon = [this] {
        if (service_->abandon) service_->abandon();
        std::_Exit(0);
    };
    Watchdog::Drain drain{drain_requested_, DrainTimes(service.drain_timeout).abandon_after, abandon};
    watchdog_.emplace(std::move(drain), pulse_, options_.lag_warning, counters, [this](const Watchdog::Sighting& seen) {
        if (service_->on_stall)
            service_->on_stall({backend, index, seen.route, seen.lasted, false, seen.frames.frames()});
    });
    meter.resume();
    for (const int listener : service.listeners)
        acceptors_.emplace_back(listener, static_cast<unsigned>(acceptors_.size()), *this).resume();
    if (service.on_ready) service.on_ready();
    if (service.main) spawn(main_flow(service, *this), "main");

    while (!drain_deadline_ || all_flows() > 0) {
        reactor_->poll(ready_head_ == nullptr ? Reactor::Block::until_event : Reactor::Block::no);
        collect_blocking();
        collect_from_outside();
        run_ready();
        serve_surplus();
        if (drain_requested_.load(std::memory_order_relaxed) && !drain_deadline_) {
            begin_drain();
        }
        check_drain();
    }
    pool_.reset();
    collect_blocking();
    reactor_->shut_down();
    wake_target_.store(nullptr, std::memory_order_seq_cst);
    watchdog_.reset();
    teardown_ = {connections(), reactor_->buffers().outstanding(), 0, reactor_->in_flight(), spawned()};
    loop_thread_id_.store(0, std::memory_order_relaxed);
    set_current_worker(nullptr);
    return {};
}

void EventLoop::request_drain() noexcept {
    drain_requested_.store(true, std::memory_order_seq_cst);
    if (Reactor* reactor = wake_target_.load(std::memory_order_seq_cst)) reactor->wake();
}

void EventLoop::begin_drain() noexcept {
    const auto cancel_after = DrainTimes(service_->drain_timeout).cancel_after;
    drain_deadline_ = reactor_->now() + static_cast<std::uint64_t>(cancel_after.count());
    for (Acceptor& acceptor : acceptors_) acceptor.stop();
    for (const Accepted& waiting : surplus_) ::close(waiting.descriptor);
    surplus_.clear();
    // Only so that the loop wakes up at the deadline, if nothing else does.
    reactor_->start_timer(drain_timer_, std::max(cancel_after, std::chrono::nanoseconds(1)));
    drain_timer_.fire = [](Timer&, Fired) {};
    reactor_->drain();
}

void EventLoop::check_drain() noexcept {
    if (!drain_deadline_ || reactor_->stopping() || all_flows() == 0) return;
    if (reactor_->now() < *drain_deadline_) return;
    counters.cut.add(all_flows());
    reactor_->cancel_all();
}

// ---- to be seen

// On the loop's thread, as any thread that is a worker of this backend.
StackUser EventLoop::stack_user() noexcept {
    Worker* worker = current_worker_or_null();
    if (worker == nullptr) return {};
    const Flow* flow = static_cast<EventLoop*>(worker)->current_;
    return flow == nullptr ? StackUser{} : StackUser{flow->id, flow->route};
}

void EventLoop::dump(const DumpLine& line) {
    const int thread = loop_thread_id_.load(std::memory_order_relaxed);
    if (thread == 0) return;
    const bool runs_a_flow = pulse_.callbacks.load(std::memory_order_relaxed) % 2 != 0;
    line("thread " + std::to_string(thread) + ": worker " + std::to_string(index) +
         (runs_a_flow ? ", runs a flow" : ", between flows"));
    dump_backtrace(capture_backtrace(thread, kCaptureLimit), line);
    dump_flows(flows_, line);
}

// ---- flows of control

bool EventLoop::may_accept() noexcept {
    return !drain_deadline_ && (service_->connections_max == 0 || connections() < service_->connections_max);
}

void EventLoop::accepted(Accepted accepted) {
    if (!may_accept() && !drain_deadline_) {
        surplus_.push_back(accepted);
        return;
    }
    const Root<Flow> root = flow(service_->serve(accepted));
    counters.accepted.add();
    if (connections() == service_->connections_max) counters.accepts_paused.add();
    flows_.add(root.payload(), index);
    resume(root.payload(), root.handle(), meter.runnable_since());
}

void EventLoop::serve_surplus() noexcept {
    if (surplus_.empty()) return;
    while (!surplus_.empty() && may_accept()) {
        const Accepted next = surplus_.front();
        surplus_.pop_front();
        hand_over(next, *this);
    }
    if (!surplus_.empty()) return;
    for (Acceptor& acceptor : acceptors_) acceptor.resume();
}

// Its frame lives as long as the connection: 16 bytes smaller with the task as its only variable.
Root<Flow> EventLoop::flow(task<void> serving) {
    co_await serving;
    serving.release().destroy();
    static_cast<EventLoop&>(current_worker()).closed();
}

void EventLoop::closed() noexcept {
    flows_.remove(*current_);
    counters.closed.add();
    if (!surplus_.empty()) return;
    for (Acceptor& acceptor : acceptors_) acceptor.resume();
}

void EventLoop::suspend(Waiter& waiter, std::coroutine_handle<> coroutine) noexcept {
    waiter.coroutine = coroutine;
    waiter.flow = current_;
    current_->enter(FlowState::waiting, reactor_->now(), index);
}

void EventLoop::wake(Waiter& waiter) noexcept { resume(*waiter.flow, waiter.coroutine, meter.runnable_since()); }

void EventLoop::resume(Flow& flow, std::coroutine_handle<> coroutine, std::uint64_t runnable_since) noexcept {
    flow.enter(FlowState::running, reactor_->now(), index);
    current_ = &flow;
    runnable_since_ = runnable_since;
    enter(flow.route);
    const std::uint64_t callbacks = pulse_.callbacks.load(std::memory_order_relaxed);
    pulse_.callbacks.store(callbacks + 1, std::memory_order_release);
    meter.begin(runnable_since);
    coroutine.resume();
    const char* const route = meter.route();
    const std::uint64_t ran = meter.end();
    pulse_.callbacks.store(callbacks + 2, std::memory_order_release);
    pulse_.route.store(nullptr, std::memory_order_relaxed);
    current_ = nullptr;
    if (ran >= lag_warning_) [[unlikely]]
        tell_end_of_stall(callbacks + 1, route, ran);
}

// Of several handlers in one callback (pipelined requests) the one that the watchdog saw is to blame.
void EventLoop::tell_end_of_stall(std::uint64_t callback, const char* route, std::uint64_t ran) noexcept {
    counters.stalls.add();
    const char* const blamed = watchdog_ ? watchdog_->blamed(callback) : nullptr;
    if (service_->on_stall_end) {
        service_->on_stall_end(
            {backend, index, blamed == nullptr ? route : blamed, std::chrono::nanoseconds(ran), false});
    }
}

// Never inside the call: whoever wakes others, or spawns, goes on first.
void EventLoop::make_runnable(FlowWaiter& waiter) noexcept {
    waiter.next = nullptr;
    waiter.runnable_since = meter.reading();
    waiter.flow->enter(FlowState::runnable, reactor_->now(), index);
    (ready_tail_ == nullptr ? ready_head_ : ready_tail_->next) = &waiter;
    ready_tail_ = &waiter;
}

void EventLoop::make_runnable_from_outside(FlowWaiter& waiter) noexcept {
    ready_outside_.push(waiter);
    reactor_->wake();
}

void EventLoop::collect_from_outside() noexcept {
    ready_outside_.take_all([this](FlowWaiter& waiter) { make_runnable(waiter); });
}

void EventLoop::run_ready() noexcept {
    for (unsigned i = 0; i < kReadyMax && ready_head_ != nullptr; ++i) {
        FlowWaiter& waiter = *ready_head_;
        ready_head_ = waiter.next;
        if (ready_head_ == nullptr) ready_tail_ = nullptr;
        resume(*waiter.flow, waiter.coroutine, waiter.runnable_since);
    }
}

void EventLoop::spawn(task<void> flow, const char* route) {
    const Root<SpawnedFlow> root = spawned_flow<SpawnedFlow>(*service_, std::move(flow), route);
    SpawnedFlow& spawned = root.payload();
    spawned.start.coroutine = root.handle();
    spawned.start.flow = &spawned;
    flows.begin();
    flows_.add(spawned, index);
    make_runnable(spawned.start);
}

bool EventLoop::queue_blocking(BlockingJob& job, std::coroutine_handle<> coroutine) noexcept {
    suspend(job.waiter, coroutine);
    counters.blocking_calls.add();
    if (pool_->submit(job)) return true;
    counters.blocking_refused.add();
    return false;
}

void EventLoop::collect_blocking() noexcept {
    blocking_done_.take_all([this](BlockingJob& job) {
        counters.blocking_done.subtract(1);
        wake(job.waiter);
    });
}

}  // namespace

std::unique_ptr<Backend> make_event_loop(const EventLoopOptions& options) {
    return std::make_unique<EventLoop>(options,
                                       options.counters == nullptr ? std::make_unique<CounterSlots>(1) : nullptr);
}

}  // namespace spindle::runtime
