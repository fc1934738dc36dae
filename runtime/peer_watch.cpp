// SPDX-License-Identifier: Apache-2.0
#include "runtime/peer_watch.hpp"

#include <poll.h>

#include <cerrno>

#include "runtime/scope.hpp"
#include "runtime/worker.hpp"

namespace spindle::runtime {

PeerWatch::PeerWatch(int descriptor, std::chrono::nanoseconds half_closed) noexcept
    : descriptor_(descriptor), half_closed_(half_closed), reactor_(current_worker().reactor()) {
    on_complete = completed;
    deliver = [](Post& post, Reactor&) noexcept { static_cast<PeerWatch&>(post).end_here(); };
    arm();
}

void PeerWatch::arm() noexcept {
    in_flight = true;
    reactor_.file(*this, [this](io_uring_sqe* sqe) { io_uring_prep_poll_multishot(sqe, descriptor_, POLLRDHUP); });
}

void PeerWatch::attach(Scope& scope, Heed heed) noexcept {
    Scope::Cancelled cancelled;
    {
        std::lock_guard lock(mutex_);
        scope_ = &scope;
        heed_ = heed;
        if (gone(heed)) cancelled = scope.begin_cancel(ECANCELED);
    }
    cancelled.finish();
}

void PeerWatch::detach() noexcept {
    std::lock_guard lock(mutex_);
    scope_ = nullptr;
}

bool PeerWatch::gone(Heed heed) const noexcept {
    return reset_.load(std::memory_order_relaxed) ||
           (heed == Heed::reset_and_half_close && expired_.load(std::memory_order_relaxed));
}

void PeerWatch::gone_now(std::atomic<bool>& what) noexcept {
    Scope::Cancelled cancelled;
    {
        std::lock_guard lock(mutex_);
        what.store(true, std::memory_order_relaxed);
        if (scope_ != nullptr && gone(heed_)) cancelled = scope_->begin_cancel(ECANCELED);
    }
    // Outside the lock: the flow may go on at once, and detach.
    cancelled.finish();
}

void PeerWatch::completed(Operation& operation, std::int32_t result, std::uint32_t flags) {
    PeerWatch& self = static_cast<PeerWatch&>(operation);
    self.in_flight = (flags & IORING_CQE_F_MORE) != 0;
    if (self.ending_) {
        if (!self.in_flight) delete &self;
        return;
    }
    if (result == -ECANCELED) {  // the thread that armed it has ended
        if (!self.in_flight) self.arm();
    } else if (result < 0 || (result & (POLLERR | POLLHUP)) != 0) {
        self.gone_now(self.reset_);
    } else if ((result & POLLRDHUP) != 0 && !self.fin_) {
        self.fin_ = true;
        if (self.half_closed_.count() == 0) return;
        self.reactor_.start_timer(self, self.half_closed_);
        self.fire = half_closed_for_long;
    }
}

void PeerWatch::half_closed_for_long(Timer& timer, Fired /*reason*/) {
    PeerWatch& self = static_cast<PeerWatch&>(timer);
    self.gone_now(self.expired_);
}

// Only the reactor's owner may touch timer and operation.
void PeerWatch::end() noexcept {
    if (&reactor_ == &current_worker().reactor()) end_here();
    else reactor_.post(*this);
}

void PeerWatch::end_here() noexcept {
    ending_ = true;
    if (scheduled()) unlink();
    if (in_flight) reactor_.cancel(*this);
    else delete this;
}

}  // namespace spindle::runtime
