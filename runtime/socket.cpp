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

Socket::Socket(int descriptor) noexcept : descriptor_(descriptor) {}

Socket::~Socket() { CHECK_THAT(descriptor_ < 0 && !in_flight && watch_ == nullptr); }

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
    current_worker().suspend(socket_.waiter, coroutine);
    if (!socket_.disarming_) socket_.reactor_->cancel(socket_);
}

void Socket::CloseAwaiter::await_resume() noexcept {
    socket_.release_all();
    // The poll holds the file until it has ended: only then would events cease, and the peer learn of the end.
    const bool held = socket_.watch_ != nullptr;
    Readiness::Place* const place = std::exchange(socket_.place_, nullptr);
    if (held && place != nullptr) socket_.reactor_->readiness()->leave(*place, socket_.descriptor_);
    if (held) {
        ::shutdown(socket_.descriptor_, SHUT_RDWR);
        std::exchange(socket_.watch_, nullptr)->end();
    }
    ::close(std::exchange(socket_.descriptor_, -1));
    if (!held && place != nullptr) socket_.reactor_->readiness()->leave(*place);
}

void Socket::release_all() noexcept {
    while (queue_head_ != BufferRing::kNone || own_size_ > 0) {
        Result<Received> unwanted = take();
    }
    delete[] std::exchange(own_buffer_, nullptr);
}

}  // namespace spindle::runtime
