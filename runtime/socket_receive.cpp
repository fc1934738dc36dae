// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <new>

#include "runtime/scope.hpp"
#include "runtime/socket.hpp"
#include "runtime/worker.hpp"

namespace spindle::runtime {

namespace {

bool is_unix(int socket) noexcept {
    int domain = 0;
    socklen_t size = sizeof domain;
    return ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

}  // namespace

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

// ---- receiving

Socket::ReceiveAwaiter Socket::receive(std::chrono::nanoseconds timeout, bool idle) noexcept {
    return {*this, timeout, idle};
}

bool Socket::ReceiveAwaiter::await_ready() noexcept {
    current_worker().enter_runtime();
    if (socket_.ready()) return true;
    Worker& worker = current_worker();
    Reactor& reactor = worker.reactor();
    socket_.overtaken = false;
    if (Scope* const scope = idle_ ? nullptr : worker.scope()) {
        refused_ = Scope::refuses(scope);
        if (refused_ == 0) refused_ = Scope::begin_wait(scope, socket_);
        if (refused_ != 0) return true;
        scoped_ = true;
    }
    if (reactor.stopping() || (idle_ && reactor.draining())) {
        socket_.ended = Fired::cancelled;
        return true;
    }
    if (reactor.readiness() != nullptr && socket_.receive_or_enter(reactor)) return true;
    if (!worker.must_park() || !worker.prepare_park(socket_.waiter)) return false;
    start();
    worker.park();
    return true;
}

void Socket::ReceiveAwaiter::await_suspend(std::coroutine_handle<> coroutine) noexcept {
    current_worker().suspend(socket_.waiter, coroutine);
    start();
}

void Socket::ReceiveAwaiter::start() noexcept {
    socket_.waiting_ = true;
    if (socket_.place_ != nullptr) socket_.await_event();
    else if (!socket_.in_flight) socket_.arm();
    bool cut = false;
    const auto timeout = scoped_ ? Scope::limit(current_worker().scope(), timeout_, cut) : timeout_;
    socket_.reactor_->start_timer(socket_, timeout, idle_);
    socket_.fire = timer_fired;
}

Result<Received> Socket::ReceiveAwaiter::await_resume() noexcept {
    if (scoped_) Scope::end_wait(current_worker().scope());
    Result<Received> taken = refused_ == 0 ? socket_.take() : failure(refused_);
    current_worker().leave_runtime();
    return taken;
}

// ---- by multishot receives

void Socket::arm() noexcept {
    on_complete = received;
    reactor_ = &current_worker().reactor();
    in_flight = true;
    reactor_->file(*this, [this](io_uring_sqe* sqe) {
        io_uring_prep_recv_multishot(sqe, descriptor_, nullptr, 0, 0);
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

void Socket::arm_with_own_buffer() noexcept {
    reactor_ = &current_worker().reactor();
    if (!make_own_buffer()) return wake_receiver();
    in_flight = true;
    reactor_->file(*this, [this](io_uring_sqe* sqe) {
        io_uring_prep_recv(sqe, descriptor_, own_buffer_, reactor_->buffers().bytes(), 0);
    });
}

void Socket::received(Operation& operation, std::int32_t result, std::uint32_t flags) {
    Socket& self = static_cast<Socket&>(operation);
    if ((flags & IORING_CQE_F_MORE) == 0) self.in_flight = false;
    if ((flags & IORING_CQE_F_BUFFER) != 0) {
        const std::uint32_t id = flags >> IORING_CQE_BUFFER_SHIFT;
        if (result > 0) self.enqueue(id, static_cast<std::uint32_t>(result));
        else self.reactor_->buffers().recycle(id);
    } else if (result > 0) {
        self.own_size_ = static_cast<std::uint32_t>(result);
    }
    const bool interrupted = result == -ENOBUFS || result == -ECANCELED;
    if (result <= 0 && !interrupted) self.end(-result);
    if (!self.in_flight) self.disarming_ = false;
    if (self.queued_ >= kQueuedMax && self.in_flight && !self.disarming_) {
        self.disarming_ = true;  // multishot has no back-pressure of its own
        self.reactor_->cancel(self);
    }
    if (!self.waiting_) return;
    if (self.closing_) {
        if (!self.in_flight) self.wake_receiver();
    } else if (self.ready() || self.overtaken) {
        self.wake_receiver();
    } else if (interrupted && !self.in_flight) {
        if (result == -ENOBUFS) self.arm_without_buffer();
        else self.arm();  // it was disarmed
    }
}

// ---- by events

/// True: something was received, or the stream has ended; no wait, then.
bool Socket::receive_or_enter(Reactor& here) noexcept {
    const bool moves = place_ != nullptr && reactor_ != &here;
    bool always = moves && Readiness::always_ready(*place_);
    if (moves) reactor_->readiness()->leave(*std::exchange(place_, nullptr), descriptor_);
    reactor_ = &here;
    const bool worth_a_try = place_ == nullptr ? !moves : Readiness::ready(*place_);
    if (worth_a_try && in_a_row_ < kInARow && receive_at_once()) {
        ++in_a_row_;
        return true;
    }
    if (place_ != nullptr) return false;
    // A receive stops behind descriptors that are passed, too.
    if (!moves) always = is_unix(descriptor_);
    const Result<Readiness::Place*> entered = here.readiness()->enter(descriptor_, always);
    if (entered) {
        place_ = *entered;
        return false;
    }
    end(entered.error().code);
    return true;
}

void Socket::await_event() noexcept {
    on_complete = readable;
    Readiness::await(*place_, *this);
    if (std::exchange(in_a_row_, 0) == kInARow) reactor_->readiness()->ask_again(*place_, descriptor_);
}

void Socket::readable(Operation& operation, std::int32_t /*result*/, std::uint32_t /*events*/) {
    Socket& self = static_cast<Socket&>(operation);
    if (self.receive_at_once()) self.wake_receiver();
    else Readiness::await(*self.place_, self);
}

/// False: there is nothing to receive yet.
bool Socket::receive_at_once() noexcept {
    if (place_ != nullptr) Readiness::heed(*place_);
    BufferRing& buffers = reactor_->buffers();
    const std::uint32_t id = buffers.take();
    if (id == BufferRing::kNone) {
        current_worker().counters.buffers_exhausted.add();
        if (!make_own_buffer()) return true;
    }
    char* const into = id == BufferRing::kNone ? own_buffer_ : buffers.data(id);
    ssize_t size = 0;
    int error = 0;
    do {
        size = ::recv(descriptor_, into, buffers.bytes(), MSG_DONTWAIT);
        error = size < 0 ? io_error() : 0;
    } while (error == EINTR);
    if (size > 0 && id != BufferRing::kNone) enqueue(id, static_cast<std::uint32_t>(size));
    else if (size > 0) own_size_ = static_cast<std::uint32_t>(size);
    else if (id != BufferRing::kNone) buffers.recycle(id);
    else delete[] std::exchange(own_buffer_, nullptr);
    // Less than there was room for is all there was (but: Readiness::ready), and of what comes after an edge will tell.
    if (place_ != nullptr && size == ssize_t{buffers.bytes()}) Readiness::keep_ready(*place_);
    if (size == 0 || (size < 0 && error != EAGAIN)) end(error);
    return size >= 0 || error != EAGAIN;
}

// ---- both

/// Whoever has the reactor's buffers may keep them for long. Ends the stream if there is no memory.
bool Socket::make_own_buffer() noexcept {
    if (own_buffer_ == nullptr) own_buffer_ = new (std::nothrow) char[reactor_->buffers().bytes()];
    if (own_buffer_ == nullptr) end(ENOMEM);
    return own_buffer_ != nullptr;
}

/// `error` 0: the peer has sent its last.
void Socket::end(int error) noexcept {
    ended_ = true;
    error_ = static_cast<std::uint16_t>(error);
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

void Socket::timer_fired(Timer& timer, Fired reason) {
    Socket& self = static_cast<Socket&>(timer);
    self.ended = reason;
    self.overtaken = true;
    if (self.place_ != nullptr) Readiness::stop_waiting(*self.place_);
    self.wake_receiver();  // a multishot receive stays armed
}

void Socket::wake_receiver() noexcept {
    waiting_ = false;
    if (scheduled()) unlink();
    current_worker().wake(waiter);
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
    return failure(ended == Fired::due ? ETIMEDOUT : ECANCELED);
}

}  // namespace spindle::runtime
