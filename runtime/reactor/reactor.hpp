// SPDX-License-Identifier: Apache-2.0
//
// One io_uring ring with its operations, receive buffers and timers. Owned by one thread at a time:
// for ever by its event loop (Sharing::one_thread), or by whichever machine holds the processor
// (Sharing::migrating; readiness.hpp tells why that one waits in epoll, with the ring in it). Only wake(), post() and
// remove_sync_wait() may be called by others. Knows neither coroutines nor fibers: a completion calls its operation,
// which wakes its waiter through the worker.
#pragma once

#include <liburing.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "runtime/error.hpp"
#include "runtime/inbox.hpp"
#include "runtime/reactor/buffer_ring.hpp"
#include "runtime/reactor/operation.hpp"
#include "runtime/reactor/readiness.hpp"
#include "runtime/reactor/timer_wheel.hpp"
#include "runtime/sync/wait_registry.hpp"

namespace spindle::runtime {

enum class Sharing : std::uint8_t {
    one_thread,  ///< SINGLE_ISSUER | DEFER_TASKRUN: cheapest, bound to the thread that made it
    migrating,   ///< COOP_TASKRUN | TASKRUN_FLAG: may be handed to another thread between calls
};

class Reactor;

/// A message to whoever owns a reactor. Must stay until it is delivered.
struct Post {
    void (*deliver)(Post&, Reactor& to) noexcept = nullptr;
    Post* next = nullptr;  ///< the inbox's
};

class Reactor {
  public:
    struct Options {
        Sharing sharing = Sharing::one_thread;
        unsigned entries = 1024;  ///< submission queue; halved down to 64 while the kernel says ENOMEM
        unsigned buffers = 4096;  ///< receive buffers, power of two; most are touched in bursts only
        unsigned buffer_bytes = 4096;
    };

    /// One tick of the timer wheel.
    static constexpr std::chrono::nanoseconds kTick = std::chrono::milliseconds(1);

    /// EPERM or ENOSYS: io_uring is blocked; ENOMEM: locked memory; EINVAL: the kernel is too old (6.1 is needed).
    [[nodiscard]] static Result<std::unique_ptr<Reactor>> create(Options options);
    ~Reactor();
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;

    /// Files `operation` as `prep(sqe)` prepares it (io_uring_prep_*); in flight until its last completion.
    /// Submits first if the queue is full.
    template <typename Prep>
    void file(Operation& operation, Prep&& prep) {
        io_uring_sqe* sqe = next_submission();
        prep(sqe);
        io_uring_sqe_set_data(sqe, &operation);
        ++in_flight_;
    }

    /// Asks the kernel to end `operation`; its own completion still comes.
    void cancel(Operation& operation);

    /// Starts `wait`'s timer, which never fires early; no timer for a zero timeout.
    void start_timer(Wait& wait, std::chrono::nanoseconds timeout, bool drainable = false) noexcept;

    /// Of nobody's wait: `timer.fire` is the caller's.
    void start_timer(Timer& timer, std::chrono::nanoseconds timeout) noexcept;
    /// Ends a wait whose timer is scheduled here as if the worker stopped.
    void end_wait(Wait& wait) noexcept;

    /// The deadline (zero timeout: none) and the drain of a wait for another flow.
    void add_sync_wait(SyncWait& wait, std::chrono::nanoseconds timeout) noexcept;
    void remove_sync_wait(SyncWait& wait) noexcept { sync_waits_.remove(wait); }  ///< any thread

    enum class Block : std::uint8_t { no, until_event };
    static constexpr unsigned kCompletionsMax = 256;
    /// Submits, waits if asked (until a completion, a timer or wake()), runs at most `completions_max` completions,
    /// oldest first (sockets that can be read have half of them), and due timers. Returns how many ran.
    unsigned poll(Block block, unsigned completions_max = kCompletionsMax);

    /// Ends a blocking poll() now or the next one. Any thread; async-signal-safe.
    void wake() noexcept;

    /// Delivers `post` in the next poll() and wakes the owner for it. Any thread, until shut_down().
    void post(Post& post) noexcept;

    /// Waits that say they are drainable end with `drained`, now and from now on.
    void drain() noexcept;
    /// Every wait ends with `cancelled`, now and from now on.
    void cancel_all() noexcept;
    [[nodiscard]] bool draining() const noexcept { return draining_; }
    [[nodiscard]] bool stopping() const noexcept { return stopping_; }

    /// Ends the reactor's own operations; call when nothing else is in flight. Then the ring may be destroyed.
    void shut_down() noexcept;

    /// Told of each wait and look; for figures. Before the first poll.
    void measure(RunMeter& meter) noexcept { meter_ = &meter; }

    /// Hints for whoever watches the owner, any thread: completions wait to be run; the kernel has some whose
    /// thread must enter it first, or a socket can be read (both only with Sharing::migrating; the latter asks the
    /// kernel); a timer is due by `now` (CLOCK_MONOTONIC, ns).
    [[nodiscard]] bool has_completions() const noexcept;
    [[nodiscard]] bool has_readable_sockets() const noexcept { return readiness_ && readiness_->has_events(); }
    [[nodiscard]] bool has_task_work() const noexcept;
    [[nodiscard]] bool has_due_timer(std::uint64_t now) const noexcept;

    /// Where sockets wait to be readable; null: they file multishot receives (Sharing::one_thread).
    [[nodiscard]] Readiness* readiness() noexcept { return readiness_ ? &*readiness_ : nullptr; }
    [[nodiscard]] BufferRing& buffers() noexcept { return buffers_; }
    [[nodiscard]] unsigned in_flight() const noexcept { return in_flight_; }
    /// CLOCK_MONOTONIC in nanoseconds as of the last poll().
    [[nodiscard]] std::uint64_t now() const noexcept { return now_; }

  private:
    static constexpr std::uint64_t kNoTimer = UINT64_MAX;
    /// Between two readings of CLOCK_MONOTONIC the cycle clock tells how far it has gone: within 50 ns.
    static constexpr std::uint64_t kClockReadEvery = 10'000'000;

    explicit Reactor(Sharing sharing) noexcept : sharing_(sharing) {}
    [[nodiscard]] Result<void> open(const Options& options);
    [[nodiscard]] io_uring_sqe* next_submission();
    void submit() noexcept;
    void submit_and_look() noexcept;
    void submit_and_wait() noexcept;
    void submit_and_wait_in_ring(std::optional<std::chrono::nanoseconds> timeout) noexcept;
    [[nodiscard]] unsigned found() const noexcept;
    unsigned run(unsigned max) noexcept;
    [[nodiscard]] std::uint64_t told_until() noexcept;
    unsigned reap(unsigned max) noexcept;
    void refresh_clock() noexcept;
    [[nodiscard]] std::uint64_t next_timer() const noexcept { return next_timer_.load(std::memory_order_relaxed); }
    void deliver_posts() noexcept;
    [[nodiscard]] std::uint64_t next_expiry() noexcept;
    void expect_timer(std::uint64_t tick) noexcept;
    void arm_wake() noexcept;
    static void woken(Operation& operation, std::int32_t result, std::uint32_t flags);
    static void wait_timer_fired(Timer& timer, Fired reason);

    io_uring ring_{};
    Sharing sharing_;
    bool ring_open_ = false;
    bool draining_ = false;
    bool stopping_ = false;
    bool wake_armed_ = false;
    bool closing_ = false;
    int wake_descriptor_ = -1;
    unsigned in_flight_ = 0;
    std::uint64_t now_ = 0;
    std::uint64_t cycles_ = 0;             // CycleClock, at now_
    std::uint64_t clock_read_ = 0;         // CLOCK_MONOTONIC, at the next
    std::uint64_t clock_read_cycles_ = 0;  // CycleClock
    RunMeter* meter_ = nullptr;
    std::uint64_t wake_value_ = 0;
    TimerWheel wheel_;
    WaitRegistry sync_waits_;
    BufferRing buffers_;
    std::optional<Readiness> readiness_;
    struct WakeOperation : Operation {
        Reactor* reactor;
    } wake_operation_{};
    // What has come by a time goes before what is due by then: after a freeze, whoever sent meanwhile was not late.
    unsigned unseen_ = 0;           // completions that were there then and have not run
    std::uint64_t seen_until_ = 0;  // ns
    std::uint64_t ran_until_ = 0;   // ns; what was there then has run

    std::atomic<std::uint64_t> next_timer_{kNoTimer};    // ticks; by the owner; early when that timer was cancelled
    alignas(64) std::atomic<bool> wake_pending_{false};  // by wake(), cleared by the owner
    Inbox<Post> inbox_;
};

/// Completion of a Wait: ends its timer and wakes its waiter. What `Wait::on_complete` points at.
void complete_wait(Operation& operation, std::int32_t result, std::uint32_t flags);

}  // namespace spindle::runtime
