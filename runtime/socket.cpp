// SPDX-License-Identifier: Apache-2.0
#include "runtime/socket.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>

#include "runtime/cycle_clock.hpp"
#include "runtime/scope.hpp"
#include "runtime/worker.hpp"

namespace spindle::runtime {

void Received::release() noexcept {
    if (data_ == nullptr) return;
    Worker& worker = current_worker();
    if (reactor_ == nullptr) {
        delete[] data_;
    } else if (reactor_ == &worker.reactor() && !worker.must_park()) {
        reactor_->buffers().recycle(id_);
    } else {  // stolen with its fiber, or inside a handler, where the ring may be another thread's
        reactor_->buffers().give_back(id_);
    }
    data_ = nullptr;
    size_ = 0;
}

Socket::Socket(int descriptor) noexcept : descriptor_(descriptor) {
    receive_.on_complete = received;
    receive_.socket = this;
}

Socket::~Socket() { CHECK_THAT(descriptor_ < 0 && !receive_.in_flight && watch_ == nullptr); }

// ---- receiving

Socket::ReceiveAwaiter Socket::receive(std::chrono::nanoseconds timeout, bool idle) noexcept {
    return {*this, timeout, idle};
}

bool Socket::ReceiveAwaiter::await_ready() noexcept {
    current_worker().enter_runtime();
    if (socket_.ready()) return true;
    Worker& worker = current_worker();
    Reactor& reactor = worker.reactor();
    socket_.receive_.overtaken = false;
    if (Scope* const scope = idle_ ? nullptr : worker.scope()) {
        refused_ = Scope::refuses(scope);
        if (refused_ == 0) refused_ = Scope::begin_wait(scope, socket_.receive_);
        if (refused_ != 0) return true;
        scoped_ = true;
    }
    if (reactor.stopping() || (idle_ && reactor.draining())) {
        socket_.receive_.ended = Fired::cancelled;
        return true;
    }
    if (!worker.must_park() || !worker.prepare_park(socket_.receive_.waiter)) return false;
    start();
    worker.park();
    return true;
}

void Socket::ReceiveAwaiter::await_suspend(std::coroutine_handle<> coroutine) noexcept {
    current_worker().suspend(socket_.receive_.waiter, coroutine);
    start();
}

void Socket::ReceiveAwaiter::start() noexcept {
    socket_.waiting_ = true;
    if (!socket_.receive_.in_flight) socket_.arm();
    bool cut = false;
    const auto timeout = scoped_ ? Scope::limit(current_worker().scope(), timeout_, cut) : timeout_;
    socket_.reactor_->start_timer(socket_.receive_, timeout, idle_);
    socket_.receive_.fire = timer_fired;
}

Result<Received> Socket::ReceiveAwaiter::await_resume() noexcept {
    if (scoped_) Scope::end_wait(current_worker().scope());
    Result<Received> taken = refused_ == 0 ? socket_.take() : failure(refused_);
    current_worker().leave_runtime();
    return taken;
}

void Socket::arm() noexcept {
    reactor_ = &current_worker().reactor();
    receive_.in_flight = true;
    reactor_->file(receive_, [this](io_uring_sqe* sqe) {
        if (reactor_->sharing() == Sharing::one_thread) {
            io_uring_prep_recv_multishot(sqe, descriptor_, nullptr, 0, 0);
        } else {
            io_uring_prep_recv(sqe, descriptor_, nullptr, reactor_->buffers().bytes(), 0);
        }
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = BufferRing::kGroup;
    });
}

// ENOBUFS: nothing was lost.
void Socket::arm_without_buffer() noexcept {
    current_worker().counters.buffers_exhausted.add();
    if (current_worker().reactor().buffers().offer_more()) arm();
    else arm_with_own_buffer();
}

// Whoever has the others may keep them for long.
void Socket::arm_with_own_buffer() noexcept {
    reactor_ = &current_worker().reactor();
    if (own_buffer_ == nullptr) own_buffer_ = new (std::nothrow) char[reactor_->buffers().bytes()];
    if (own_buffer_ == nullptr) {
        ended_ = true;
        error_ = ENOMEM;
        wake_receiver();
        return;
    }
    receive_.in_flight = true;
    reactor_->file(receive_, [this](io_uring_sqe* sqe) {
        io_uring_prep_recv(sqe, descriptor_, own_buffer_, reactor_->buffers().bytes(), 0);
    });
}

void Socket::enqueue(std::uint32_t id, std::uint32_t size) noexcept {
    BufferRing& buffers = reactor_->buffers();
    buffers.next(id) = BufferRing::kNone;
    buffers.length(id) = size;
    if (queue_head_ == BufferRing::kNone) queue_head_ = id;
    else buffers.next(queue_tail_) = id;
    queue_tail_ = id;
    ++queued_;
}

void Socket::received(Operation& operation, std::int32_t result, std::uint32_t flags) {
    Socket& self = *static_cast<Receive&>(operation).socket;
    if ((flags & IORING_CQE_F_MORE) == 0) self.receive_.in_flight = false;
    if ((flags & IORING_CQE_F_BUFFER) != 0) {
        const std::uint32_t id = flags >> IORING_CQE_BUFFER_SHIFT;
        if (result > 0) self.enqueue(id, static_cast<std::uint32_t>(result));
        else self.reactor_->buffers().recycle(id);
    } else if (result > 0) {
        self.own_size_ = static_cast<std::uint32_t>(result);
    }
    if (result == 0) {
        self.ended_ = true;
    } else if (result < 0 && result != -ENOBUFS && result != -ECANCELED) {
        self.ended_ = true;
        self.error_ = -result;
    }
    const bool interrupted = result == -ENOBUFS || result == -ECANCELED;
    if (!self.receive_.in_flight) self.disarming_ = false;
    if (self.queued_ >= kQueuedMax && self.receive_.in_flight && !self.disarming_) {
        self.disarming_ = true;  // multishot has no back-pressure of its own
        self.reactor_->cancel(self.receive_);
    }
    if (!self.waiting_) return;
    if (self.closing_) {
        if (!self.receive_.in_flight) self.wake_receiver();
    } else if (self.ready() || self.receive_.overtaken) {
        self.wake_receiver();
    } else if (interrupted && !self.receive_.in_flight) {
        if (result == -ENOBUFS) self.arm_without_buffer();
        else self.arm();  // the thread that armed it ended, or it was disarmed
    }
}

void Socket::timer_fired(Timer& timer, Fired reason) {
    Socket& self = *static_cast<Receive&>(timer).socket;
    self.receive_.ended = reason;
    self.receive_.overtaken = true;
    // A multishot receive stays armed; a one-shot one must not be in flight while its fiber runs.
    if (self.receive_.in_flight && self.reactor_->sharing() == Sharing::migrating) {
        self.reactor_->cancel(self.receive_);
    } else {
        self.wake_receiver();
    }
}

void Socket::wake_receiver() noexcept {
    waiting_ = false;
    if (receive_.scheduled()) receive_.unlink();
    current_worker().wake(receive_.waiter);
}

Result<Received> Socket::take() noexcept {
    if (queue_head_ != BufferRing::kNone) {
        BufferRing& buffers = reactor_->buffers();
        const std::uint32_t id = queue_head_;
        queue_head_ = buffers.next(id);
        --queued_;
        return Received(reactor_, buffers.data(id), buffers.length(id), id);
    }
    if (own_size_ > 0) {
        return Received(nullptr, std::exchange(own_buffer_, nullptr), std::exchange(own_size_, 0), BufferRing::kNone);
    }
    if (ended_ && error_ != 0) return failure(error_);
    if (ended_) return Received();
    return failure(receive_.ended == Fired::due ? ETIMEDOUT : ECANCELED);
}

// ---- sending

Result<std::size_t> Socket::try_send(const iovec* parts, std::size_t count) noexcept {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts);
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(descriptor_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    const int error = io_error();
    if (error == EAGAIN || error == EINTR) return 0;
    return failure(error);
}

Result<std::size_t> Socket::try_send(std::string_view bytes) noexcept {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    const int error = io_error();
    if (error == EAGAIN || error == EINTR) return 0;
    return failure(error);
}

Socket::SendAwaiter Socket::send_some(std::string_view bytes, std::chrono::nanoseconds timeout) noexcept {
    return {descriptor_, bytes, timeout};
}

void Socket::SendAwaiter::file(Reactor& reactor) noexcept {
    wait_.in_flight = true;
    reactor.file(wait_, [this](io_uring_sqe* sqe) {
        io_uring_prep_send(sqe, descriptor_, bytes_.data(), bytes_.size(), MSG_NOSIGNAL);
    });
}

Result<std::size_t> Socket::SendAwaiter::await_resume() noexcept {
    const std::int32_t sent = finish();
    if (sent < 0) return failure(-sent);
    return static_cast<std::size_t>(sent);
}

task<Result<void>> Socket::send_all(std::string_view& bytes, const Pace& pace, Patience& patience) {
    while (!bytes.empty()) {
        Result<std::size_t> sent = try_send(bytes);
        if (sent && *sent == 0) {
            const int before = unsent_bytes();
            const std::uint64_t began = CycleClock::kernel_clock();
            sent = co_await send_some(bytes, patience.left());
            const std::uint64_t passed = CycleClock::kernel_clock() - began;
            const std::chrono::nanoseconds waited(passed - std::min(passed, current_worker().held_up()));
            // The kernel says that there is room when a third of it is: a slow reader may need longer for that.
            const std::int64_t taken = before - unsent_bytes() + static_cast<std::int64_t>(sent.value_or(0));
            patience.spend(waited, static_cast<std::uint64_t>(std::max<std::int64_t>(0, taken)), pace);
            const bool late = !sent && sent.error().code == ETIMEDOUT;
            if (late && taken > 0 && !patience.exhausted(pace)) continue;
        }
        if (!sent) co_return std::unexpected(sent.error());
        bytes.remove_prefix(*sent);
    }
    co_return Result<void>{};
}

int Socket::unsent_bytes() const noexcept {
    int bytes = 0;
    ::ioctl(descriptor_, SIOCOUTQ, &bytes);
    return bytes;
}

void Socket::shut_down_sending() noexcept { ::shutdown(descriptor_, SHUT_WR); }

// ---- the peer

void Socket::watch_peer(Scope& scope, Heed heed, std::chrono::nanoseconds half_closed) {
    // Without memory for it the handler goes on, and its answer finds out.
    if (watch_ == nullptr) watch_ = new (std::nothrow) PeerWatch(descriptor_, half_closed);
    if (watch_ != nullptr) watch_->attach(scope, heed);
}

void Socket::unwatch_peer() noexcept {
    if (watch_ != nullptr) watch_->detach();
}

// ---- closing

Socket::CloseAwaiter Socket::close() noexcept { return CloseAwaiter(*this); }

void Socket::CloseAwaiter::await_suspend(std::coroutine_handle<> coroutine) noexcept {
    socket_.closing_ = true;
    socket_.waiting_ = true;
    current_worker().suspend(socket_.receive_.waiter, coroutine);
    if (!socket_.disarming_) socket_.reactor_->cancel(socket_.receive_);
}

void Socket::CloseAwaiter::await_resume() noexcept {
    socket_.release_all();
    if (socket_.watch_ != nullptr) {
        // The poll holds the file until it has ended: without this the peer would learn of the end only then.
        ::shutdown(socket_.descriptor_, SHUT_RDWR);
        std::exchange(socket_.watch_, nullptr)->end();
    }
    ::close(std::exchange(socket_.descriptor_, -1));
}

void Socket::release_all() noexcept {
    while (queue_head_ != BufferRing::kNone || own_size_ > 0) {
        Result<Received> unwanted = take();
    }
    delete[] std::exchange(own_buffer_, nullptr);
}

}  // namespace spindle::runtime
