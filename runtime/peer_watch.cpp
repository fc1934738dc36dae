// SPDX-License-Identifier: Apache-2.0
#include "runtime/peer_watch.hpp"

#include <poll.h>

#include <cerrno>
#include <mutex>

#include "runtime/scope.hpp"
#include "runtime/sync/sync_wait.hpp"
#include "runtime/worker.hpp"

namespace spindle::runtime {

PeerWatch::PeerWatch(int descriptor, std::chrono::nanoseconds half_closed) noexcept
    : descriptor_(descriptor), half_closed_(half_closed), reactor_(current_worker().reactor()) {
    on_complete = completed;
    deliver = [](Post& post, Reactor&) noexcept { static_cast<PeerWatch&>(post).end_here(); };
    arm();
}

void PeerWatch::arm() noexcept {
    in_flight_ = true;
    reactor_.file(*this, [this](io_uring_sqe* sqe) { io_uring_prep_poll_multishot(sqe, descriptor_, POLLRDHUP); });
}

void PeerWatch::attach(Scope& scope, Heed heed) noexcept {
    SyncWait* claimed = nullptr;
    {
        std::lock_guard lock(mutex_);
        scope_ = &scope;
        heed_ = heed;
        if (gone(heed)) claimed = scope.begin_cancel(ECANCELED);
    }
    if (claimed != nullptr) claimed->release();
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
    SyncWait* claimed = nullptr;
    {
        std::lock_guard lock(mutex_);
        what.store(true, std::memory_order_relaxed);
        if (scope_ != nullptr && gone(heed_)) claimed = scope_->begin_cancel(ECANCELED);
    }
    // Outside the lock: the flow may go on at once, and detach.
    if (claimed != nullptr) claimed->release();
}

void PeerWatch::completed(Operation& operation, std::int32_t result, std::uint32_t flags) {
    PeerWatch& self = static_cast<PeerWatch&>(operation);
    self.in_flight_ = (flags & IORING_CQE_F_MORE) != 0;
    if (self.ending_) {
        if (!self.in_flight_) delete &self;
        return;
    }
    const bool by_kernel = result == -ECANCELED;  // the thread that armed it has ended
    if (!by_kernel && (result < 0 || (result & (POLLERR | POLLHUP)) != 0)) {
        self.gone_now(self.reset_);
        return;
    }
    if (!self.in_flight_) self.arm();  // also when the completion queue was full
    if (!by_kernel && (result & POLLRDHUP) != 0 && !self.fin_) {
        self.fin_ = true;
        if (self.half_closed_.count() == 0) return;
        self.fire = half_closed_for_long;
        self.reactor_.start_timer(self, self.half_closed_);
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
    if (in_flight_) reactor_.cancel(*this);
    else delete this;
}

}  // namespace spindle::runtime
