// SPDX-License-Identifier: Apache-2.0
#include "runtime/io.hpp"

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace spindle::runtime {

WorkerIdentity current_identity() noexcept {
    const Worker& worker = current_worker();
    return {worker.backend, worker.index, static_cast<int>(::syscall(SYS_gettid))};
}

Result<void> SleepAwaiter::await_resume() noexcept {
    const std::int32_t result = finish();
    if (result == -ETIMEDOUT && !cut_) return {};
    return failure(-result);
}

bool ReadAwaiter::await_ready() noexcept {
    const iovec part{into_.data(), into_.size()};
    const ssize_t read = ::preadv2(descriptor_, &part, 1, static_cast<off_t>(offset_), RWF_NOWAIT);
    if (read >= 0) {
        at_once_ = static_cast<std::size_t>(read);
        return true;
    }
    const int error = io_error();
    if (error != EAGAIN && error != EOPNOTSUPP) {
        at_once_ = failure(error);
        return true;
    }
    return WaitAwaiter::await_ready();
}

void ReadAwaiter::file(Reactor& reactor) noexcept {
    wait_.in_flight = true;
    reactor.file(wait_, [this](io_uring_sqe* sqe) {
        io_uring_prep_read(sqe, descriptor_, into_.data(), static_cast<unsigned>(into_.size()), offset_);
    });
}

Result<std::size_t> ReadAwaiter::await_resume() noexcept {
    if (at_once_) return *at_once_;
    const std::int32_t read = finish();
    if (read < 0) return failure(-read);
    return static_cast<std::size_t>(read);
}

bool OpenAwaiter::await_ready() noexcept {
    open_how cached = how_;
    cached.resolve |= RESOLVE_CACHED;
    const long descriptor = ::syscall(SYS_openat2, directory_, path_, &cached, sizeof cached);
    if (descriptor >= 0) {
        at_once_ = static_cast<int>(descriptor);
        return true;
    }
    // EAGAIN asks for a lookup that may block; anything else is the answer, and answers the same there.
    const int error = io_error();
    if (error != EAGAIN) {
        at_once_ = failure(error);
        return true;
    }
    return WaitAwaiter::await_ready();
}

void OpenAwaiter::file(Reactor& reactor) noexcept {
    wait_.in_flight = true;
    reactor.file(wait_, [this](io_uring_sqe* sqe) { io_uring_prep_openat2(sqe, directory_, path_, &how_); });
}

Result<int> OpenAwaiter::await_resume() noexcept {
    if (at_once_) return *at_once_;
    const std::int32_t descriptor = finish();
    if (descriptor < 0) return failure(-descriptor);
    return descriptor;
}

}  // namespace spindle::runtime
