// SPDX-License-Identifier: Apache-2.0
#include "runtime/backtrace.hpp"

#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <mutex>

#include "runtime/error.hpp"

namespace spindle::runtime {
namespace {

// Of the real-time signals, which nobody sends by chance, and not the first ones, which tools use.
int capture_signal() noexcept { return SIGRTMIN + 6; }

// The one capture under way. A handler that comes too late finds another number and touches nothing.
struct Capture {
    static constexpr std::uint32_t kNobody = 0;
    std::atomic<std::uint32_t> wanted{kNobody};  // by the capturing thread; taken by the handler
    Backtrace frames;                            // by the handler that took `wanted`
    std::atomic<std::uint32_t> done{kNobody};    // whose frames they are; orders them, the semaphore only wakes
    sem_t filled{};
};
Capture capture;

// A frame that a signal interrupted has its own address, any other the one behind its call.
_Unwind_Reason_Code add_frame(_Unwind_Context* context, void* into) noexcept {
    auto& frames = *static_cast<Backtrace*>(into);
    int interrupted = 0;
    const _Unwind_Ptr address = _Unwind_GetIPInfo(context, &interrupted);
    if (address == 0) return _URC_END_OF_STACK;
    if (interrupted != 0) frames.clear();  // what went before is the handler
    frames.append(reinterpret_cast<const void*>(address - (interrupted != 0 ? 0 : 1)));
    return frames.full() ? _URC_END_OF_STACK : _URC_NO_REASON;
}

void on_capture(int, siginfo_t* info, void*) {
    const int error = errno;
    auto number = static_cast<std::uint32_t>(info->si_value.sival_int);
    if (info->si_code == SI_QUEUE && number != Capture::kNobody &&
        capture.wanted.compare_exchange_strong(number, Capture::kNobody, std::memory_order_acquire)) {
        capture.frames.clear();
        _Unwind_Backtrace(add_frame, &capture.frames);
        capture.done.store(number, std::memory_order_release);
        ::sem_post(&capture.filled);
    }
    errno = error;
}

void install() {
    CHECK_THAT(::sem_init(&capture.filled, 0, 0) == 0);
    Backtrace first;  // the unwinder's own set-up, outside of the handler
    _Unwind_Backtrace(add_frame, &first);
    struct sigaction action{};
    action.sa_sigaction = on_capture;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    ::sigfillset(&action.sa_mask);
    CHECK_THAT(::sigaction(capture_signal(), &action, nullptr) == 0);
}

bool send(int thread_id, std::uint32_t number) noexcept {
    siginfo_t info{};
    info.si_code = SI_QUEUE;
    info.si_pid = ::getpid();
    info.si_uid = ::getuid();
    info.si_value.sival_int = static_cast<int>(number);
    return ::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), thread_id, capture_signal(), &info) == 0;
}

timespec deadline_in(std::chrono::nanoseconds time) noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const std::chrono::nanoseconds end =
        std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec) + time;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(end);
    return {.tv_sec = seconds.count(), .tv_nsec = (end - seconds).count()};
}

void wait_until_filled() noexcept {
    while (::sem_wait(&capture.filled) != 0) {
    }
}

bool filled_within(std::chrono::nanoseconds timeout) noexcept {
    const timespec deadline = deadline_in(timeout);
    while (::sem_clockwait(&capture.filled, CLOCK_MONOTONIC, &deadline) != 0) {
        if (io_error() != EINTR) return false;
    }
    return true;
}

}  // namespace

Backtrace capture_backtrace(int thread_id, std::chrono::nanoseconds timeout) {
    static std::mutex one_at_a_time;
    static std::uint32_t last_number = Capture::kNobody;
    std::lock_guard lock(one_at_a_time);
    static std::once_flag once;
    std::call_once(once, install);

    if (++last_number == Capture::kNobody) ++last_number;
    const std::uint32_t number = last_number;
    capture.wanted.store(number, std::memory_order_release);
    const bool sent = send(thread_id, number);
    const auto frames = [number] {
        CHECK_THAT(capture.done.load(std::memory_order_acquire) == number);
        return capture.frames;
    };
    if (sent && filled_within(timeout)) return frames();
    std::uint32_t expected = number;
    if (capture.wanted.compare_exchange_strong(expected, Capture::kNobody, std::memory_order_acq_rel)) return {};
    wait_until_filled();  // the handler runs already
    return frames();
}

}  // namespace spindle::runtime
