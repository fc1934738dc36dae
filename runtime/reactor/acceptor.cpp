// SPDX-License-Identifier: Apache-2.0
#include "runtime/reactor/acceptor.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <new>
#include <utility>

#include "runtime/worker.hpp"

namespace spindle::runtime {

namespace {

bool reuses_port(int listener) noexcept {
    int value = 0;
    socklen_t size = sizeof value;
    return ::getsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &value, &size) == 0 && value != 0;
}

int open_spare() noexcept { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

// Or nothing at all: no connection is there, or nobody asks any more. The network's errors: accept(2).
bool concerns_one_connection(int error) noexcept {
    switch (error) {
        case EAGAIN:
        case EINTR:
        case ECANCELED:
        case ECONNABORTED:
        case EPERM:
        case EPROTO:
        case ENETDOWN:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case EOPNOTSUPP:
        case ENETUNREACH: return true;
        default: return false;
    }
}

}  // namespace

void hand_over(Accepted accepted, AcceptSink& sink) noexcept {
    try {
        sink.accepted(accepted);
    } catch (const std::bad_alloc&) {
        current_worker().counters.shed_memory.add();
        ::close(accepted.descriptor);
        sink.accepted_nothing();
    }
}

Acceptor::Acceptor(int listener, unsigned number, AcceptSink& sink) noexcept
    : listener_(listener), spare_(open_spare()), number_(number), sink_(sink), multishot_(reuses_port(listener)) {
    on_complete = completed;
}

Acceptor::~Acceptor() {
    if (spare_ >= 0) ::close(spare_);
}

void Acceptor::resume() noexcept {
    if (!paused() || !sink_.may_accept()) return;
    reactor_ = &current_worker().reactor();
    in_flight = true;
    reactor_->file(*this, [this](io_uring_sqe* sqe) {
        if (multishot_) io_uring_prep_multishot_accept(sqe, listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        else io_uring_prep_accept(sqe, listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    });
}

void Acceptor::stop() noexcept {
    stopped_ = true;
    if (scheduled()) unlink();
    if (in_flight) reactor_->cancel(*this);
}

void Acceptor::completed(Operation& operation, std::int32_t result, std::uint32_t flags) {
    Acceptor& self = static_cast<Acceptor&>(operation);
    if ((flags & IORING_CQE_F_MORE) == 0) self.in_flight = false;
    if (result >= 0) {
        hand_over({result, self.number_}, self.sink_);  // also after stop(): the client was told that it is connected
        if (!self.multishot_ && !self.stopped_) self.drain_queue();
    } else {
        if (!self.multishot_) self.sink_.accepted_nothing();
        self.failed(-result);
    }
    if (self.stopped_) return;
    if (!self.in_flight) self.resume();
    else if (!self.sink_.may_accept()) self.reactor_->cancel(self);
}

void Acceptor::drain_queue() noexcept {
    for (unsigned i = 0; i < kDrainMax && sink_.may_accept(); ++i) {
        const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (descriptor < 0) {
            const int error = io_error();
            sink_.accepted_nothing();
            failed(error);
            return;
        }
        hand_over({descriptor, number_}, sink_);
    }
}

// The others mean that the process or the system has run out of something, or that the listener is broken: trying
// again at once would spin.
void Acceptor::failed(int error) noexcept {
    if (concerns_one_connection(error)) return;
    current_worker().counters.accept_errors.add();
    if (error == EMFILE || error == ENFILE) shed();
    if (scheduled() || stopped_) return;
    reactor_->start_timer(*this, kRetryAfter);
    fire = retry;
}

// Whoever waits in the queue is turned away, rather than left to wait for a server that has no place: clients then know,
// and try again or elsewhere. Without a descriptor nobody can be taken off the queue; so one is kept.
void Acceptor::shed() noexcept {
    for (unsigned i = 0; i < kShedMax; ++i) {
        if (spare_ < 0) spare_ = open_spare();
        if (spare_ < 0) return;
        if (const int another = open_spare(); another >= 0) {  // it was for a moment only
            ::close(another);
            return;
        }
        ::close(std::exchange(spare_, -1));
        const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (descriptor < 0) break;
        current_worker().counters.shed_descriptors.add();
        ::close(descriptor);  // counted by when its client knows
    }
    if (spare_ < 0) spare_ = open_spare();
}

void Acceptor::retry(Timer& timer, Fired /*reason*/) { static_cast<Acceptor&>(timer).resume(); }

}  // namespace spindle::runtime
