// SPDX-License-Identifier: Apache-2.0
#include "runtime/reactor/reactor.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace spindle::runtime {

namespace {

constexpr std::uint64_t kNanosecondsPerTick = std::chrono::nanoseconds(Reactor::kTick).count();

std::uint64_t tick_after(std::uint64_t now, std::chrono::nanoseconds duration) noexcept {
    return (now + static_cast<std::uint64_t>(duration.count()) + kNanosecondsPerTick - 1) / kNanosecondsPerTick;
}

unsigned setup_flags(Sharing sharing) noexcept {
    const unsigned common = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    return common | (sharing == Sharing::one_thread ? IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN
                                                    : IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG);
}

}  // namespace

Result<std::unique_ptr<Reactor>> Reactor::create(Options options) {
    std::unique_ptr<Reactor> reactor(new Reactor(options.sharing));
    Result<void> opened = reactor->open(options);
    if (!opened) return std::unexpected(opened.error());
    return reactor;
}

Result<void> Reactor::open(const Options& options) {
    int status = -ENOMEM;
    for (unsigned entries = options.entries; entries >= 64 && status == -ENOMEM; entries /= 2) {
        io_uring_params params{};
        params.flags = setup_flags(sharing_);
        params.cq_entries = entries * 4;
        status = io_uring_queue_init_params(entries, &ring_, &params);
    }
    if (status < 0) return failure(-status);
    ring_open_ = true;
    const bool migrates = sharing_ == Sharing::migrating;
    Result<void> opened = buffers_.open(migrates ? nullptr : &ring_, options.buffers, options.buffer_bytes);
    if (!opened) return opened;
    wake_descriptor_ = ::eventfd(0, EFD_CLOEXEC);
    if (wake_descriptor_ < 0) return last_failure();
    refresh_clock();
    wheel_.advance(now_ / kNanosecondsPerTick);
    if (migrates) return readiness_.emplace().open(ring_.ring_fd, wake_descriptor_);
    wake_operation_.on_complete = woken;
    wake_operation_.reactor = this;
    arm_wake();
    return {};
}

Reactor::~Reactor() {
    if (ring_open_) {
        buffers_.close(ring_);
        io_uring_queue_exit(&ring_);
    }
    if (wake_descriptor_ >= 0) ::close(wake_descriptor_);
}

io_uring_sqe* Reactor::next_submission() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    while (sqe == nullptr) {
        submit();
        sqe = io_uring_get_sqe(&ring_);
    }
    return sqe;
}

// -EBUSY and -EAGAIN ask to reap first; the completion queue is unbounded (NODROP), so reaping later loses nothing.
void Reactor::submit() noexcept {
    const int submitted = io_uring_submit(&ring_);
    if (submitted == -EBUSY || submitted == -EAGAIN) io_uring_get_events(&ring_);
    else CHECK_THAT(submitted >= 0 || submitted == -EINTR);
}

void Reactor::cancel(Operation& operation) {
    io_uring_sqe* sqe = next_submission();
    io_uring_prep_cancel(sqe, &operation, 0);
    io_uring_sqe_set_data(sqe, nullptr);
}

void Reactor::start_timer(Wait& wait, std::chrono::nanoseconds timeout, bool drainable) noexcept {
    wait.fire = wait_timer_fired;
    wait.drainable = drainable;
    start_timer(static_cast<Timer&>(wait), timeout);
}

void Reactor::start_timer(Timer& timer, std::chrono::nanoseconds timeout) noexcept {
    // Without a deadline it still stands in the wheel, so that drain and stop find it.
    if (timeout.count() == 0) wheel_.keep(timer);
    else wheel_.schedule(timer, tick_after(now_ + CycleClock::since(cycles_, CycleClock::now()), timeout));
    if (timer.deadline != 0) expect_timer(timer.deadline);
}

void Reactor::end_wait(Wait& wait) noexcept {
    wait.unlink();
    wait.fire(wait, Fired::cancelled);
}

void Reactor::add_sync_wait(SyncWait& wait, std::chrono::nanoseconds timeout) noexcept {
    if (timeout.count() != 0) refresh_clock();
    const std::uint64_t deadline = timeout.count() == 0 ? 0 : tick_after(now_, timeout);
    sync_waits_.add(wait, now_ / kNanosecondsPerTick, deadline);
    if (deadline != 0) expect_timer(deadline);
}

void Reactor::post(Post& post) noexcept {
    inbox_.push(post);
    wake();
}

void Reactor::deliver_posts() noexcept {
    inbox_.take_all([this](Post& post) { post.deliver(post, *this); });
}

void Reactor::wait_timer_fired(Timer& timer, Fired reason) {
    Wait& wait = static_cast<Wait&>(timer);
    wait.ended = reason;
    wait.overtaken = true;
    if (wait.in_flight) {
        current_worker().reactor().cancel(wait);
        return;  // its own completion wakes the waiter
    }
    wait.result = reason == Fired::due ? -ETIMEDOUT : -ECANCELED;
    current_worker().wake(wait.waiter);
}

void complete_wait(Operation& operation, std::int32_t result, std::uint32_t flags) {
    Wait& wait = static_cast<Wait&>(operation);
    wait.in_flight = false;
    if (wait.scheduled()) wait.unlink();
    if (result == -ECANCELED && wait.overtaken && wait.ended == Fired::due) result = -ETIMEDOUT;
    wait.result = result;
    wait.flags = flags;
    current_worker().wake(wait.waiter);
}

unsigned Reactor::poll(Block block, unsigned completions_max) {
    buffers_.collect();
    const bool was_away = meter_ != nullptr && meter_->was_away();
    bool waits = block == Block::until_event && !has_due_timer(now_);
    // After a long time it matters whether there was something already: one system call more, then.
    if (!waits || was_away) {
        submit_and_look();
        waits = waits && found() == 0 && !(readiness_ && readiness_->woken());
    }
    if (waits) {
        if (meter_ != nullptr) meter_->waits();
        submit_and_wait();
    }
    refresh_clock();
    if (meter_ != nullptr) meter_->polled(cycles_, waits, was_away, found());
    const unsigned ran = run(completions_max);
    const std::uint64_t tick = told_until() / kNanosecondsPerTick;
    wheel_.advance(tick);
    sync_waits_.advance(tick);
    if (!inbox_.empty()) deliver_posts();
    next_timer_.store(next_expiry(), std::memory_order_relaxed);
    return ran;
}

void Reactor::submit_and_look() noexcept {
    submit();
    if (sharing_ == Sharing::one_thread || io_uring_cq_has_overflow(&ring_) || has_task_work())
        io_uring_get_events(&ring_);
    if (readiness_) readiness_->look(std::chrono::nanoseconds(0));
}

/// What the last look has found and has not run.
unsigned Reactor::found() const noexcept { return io_uring_cq_ready(&ring_) + (readiness_ ? readiness_->untold() : 0); }

unsigned Reactor::run(unsigned max) noexcept {
    if (unseen_ == 0) {
        unseen_ = io_uring_cq_ready(&ring_);
        seen_until_ = now_;
    }
    if (!readiness_) return reap(max);
    readiness_->date(now_);
    if (readiness_->take_wake()) wake_pending_.exchange(false, std::memory_order_seq_cst);
    // Neither may keep the other waiting: a burst of accepts, say, those who are connected.
    unsigned ran = reap(max - std::min(max / 2, readiness_->untold()));
    const unsigned told = readiness_->tell(max - ran);
    if (told > 0 && meter_ != nullptr) meter_->received();
    ran += told;
    return ran + reap(max - ran);
}

/// What has come by then has run. In ns.
std::uint64_t Reactor::told_until() noexcept {
    if (unseen_ == 0) ran_until_ = seen_until_;
    return readiness_ ? std::min(ran_until_, readiness_->told_until()) : ran_until_;
}

std::uint64_t Reactor::next_expiry() noexcept {
    return std::min(wheel_.next_expiry().value_or(kNoTimer), sync_waits_.next_expiry().value_or(kNoTimer));
}

void Reactor::expect_timer(std::uint64_t tick) noexcept {
    if (tick < next_timer()) next_timer_.store(tick, std::memory_order_relaxed);
}

void Reactor::submit_and_wait() noexcept {
    refresh_clock();  // what ran since it was read is not to be waited for once more
    std::optional<std::chrono::nanoseconds> timeout;
    if (next_timer() != kNoTimer) {
        const std::uint64_t at = next_timer() * kNanosecondsPerTick;
        timeout = std::chrono::nanoseconds(at > now_ ? at - now_ : 1);
    }
    if (readiness_) {
        submit();
        readiness_->look(timeout);
    } else {
        submit_and_wait_in_ring(timeout);
    }
}

void Reactor::submit_and_wait_in_ring(std::optional<std::chrono::nanoseconds> timeout) noexcept {
    int status = 0;
    if (timeout) {
        io_uring_cqe* cqe = nullptr;
        __kernel_timespec limit{timeout->count() / 1'000'000'000, timeout->count() % 1'000'000'000};
        status = io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &limit, nullptr);
    } else {
        status = io_uring_submit_and_wait(&ring_, 1);
    }
    CHECK_THAT(status >= 0 || status == -ETIME || status == -EINTR || status == -EBUSY || status == -EAGAIN);
}

unsigned Reactor::reap(unsigned max) noexcept {
    unsigned ran = 0;
    io_uring_cqe* cqe = nullptr;
    while (ran < max && io_uring_peek_cqe(&ring_, &cqe) == 0) {
        auto* operation = static_cast<Operation*>(io_uring_cqe_get_data(cqe));
        const std::int32_t result = cqe->res;
        const std::uint32_t flags = cqe->flags;
        io_uring_cqe_seen(&ring_, cqe);
        ++ran;
        if (operation == nullptr) continue;  // a cancel's own result says nothing that its target's does not
        if ((flags & IORING_CQE_F_BUFFER) != 0) buffers_.taken();
        if ((flags & IORING_CQE_F_MORE) == 0) --in_flight_;
        operation->on_complete(*operation, result, flags);
    }
    unseen_ -= std::min(unseen_, ran);
    return ran;
}

// A counter that jumps, as after a suspension, only has the kernel's clock read again.
void Reactor::refresh_clock() noexcept {
    cycles_ = CycleClock::now();
    if (cycles_ - clock_read_cycles_ >= kClockReadEvery) {
        clock_read_ = CycleClock::kernel_clock();
        clock_read_cycles_ = cycles_;
    }
    now_ = std::max(now_, clock_read_ + (cycles_ - clock_read_cycles_));
}

bool Reactor::has_completions() const noexcept {
    return io_uring_smp_load_acquire(ring_.cq.ktail) != IO_URING_READ_ONCE(*ring_.cq.khead);
}

bool Reactor::has_task_work() const noexcept { return (IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_TASKRUN) != 0; }

bool Reactor::has_due_timer(std::uint64_t now) const noexcept { return next_timer() <= now / kNanosecondsPerTick; }

void Reactor::wake() noexcept {
    if (wake_pending_.exchange(true, std::memory_order_seq_cst)) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_descriptor_, &one, sizeof one);
}

void Reactor::arm_wake() noexcept {
    wake_armed_ = true;
    file(wake_operation_,
         [this](io_uring_sqe* sqe) { io_uring_prep_read(sqe, wake_descriptor_, &wake_value_, sizeof wake_value_, 0); });
}

void Reactor::woken(Operation& operation, std::int32_t /*result*/, std::uint32_t /*flags*/) {
    Reactor& reactor = *static_cast<WakeOperation&>(operation).reactor;
    reactor.wake_armed_ = false;
    reactor.wake_pending_.exchange(false,
                                   std::memory_order_seq_cst);  // reads what the waker wrote, so that its post is seen
    if (!reactor.closing_) reactor.arm_wake();
}

void Reactor::drain() noexcept {
    if (draining_) return;
    draining_ = true;
    wheel_.fire_all(Fired::drained);
}

void Reactor::cancel_all() noexcept {
    draining_ = true;
    stopping_ = true;
    wheel_.fire_all(Fired::cancelled);
    sync_waits_.cancel_all();
}

void Reactor::shut_down() noexcept {
    closing_ = true;
    if (wake_armed_) cancel(wake_operation_);
    deliver_posts();  // nobody posts any more
    while (in_flight_ > 0) poll(Block::until_event);
    buffers_.collect();
}

}  // namespace spindle::runtime
