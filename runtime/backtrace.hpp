// SPDX-License-Identifier: Apache-2.0
//
// Where a thread of this process is: the calls that led to what it executes now, taken by a signal that
// interrupts it. For the watchdog, which shows what a stuck loop does, and for dumps.
//
//     const Backtrace stuck = capture_backtrace(thread_id, std::chrono::milliseconds(100));
//     for (const void* address : stuck.frames()) lines += describe_address(address) + '\n';
//
// The handler allocates nothing, takes no lock and writes into one buffer of the process, so captures come
// one after the other. What it interrupts may be the allocator, a signal handler, or a fiber in the middle
// of a switch: the unwinder reads only tables, and those of the switch are true at each instruction.
//
// Rejected: reading another thread's stack from outside (it moves meanwhile), ptrace (not of oneself, and
// often forbidden), glibc's backtrace() (sanitizers put a frame of their own before it, and it does not tell
// an interrupted instruction from a return address).
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <span>

namespace spindle::runtime {

/// Addresses within the instructions that are executed or that called, innermost first.
class Backtrace {
  public:
    static constexpr std::size_t kFramesMax = 64;  ///< the outermost ones of a deeper stack are left out

    [[nodiscard]] std::span<const void* const> frames() const noexcept { return {frames_.data(), count_}; }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

    // For those who unwind. Async-signal-safe.
    void clear() noexcept { count_ = 0; }
    void append(const void* address) noexcept {
        if (count_ < kFramesMax) frames_[count_++] = address;
    }
    [[nodiscard]] bool full() const noexcept { return count_ == kFramesMax; }

  private:
    std::array<const void*, kFramesMax> frames_{};
    std::size_t count_ = 0;
};

/// Of the thread `thread_id` (gettid()) of this process, the calling one included. Empty when there is no
/// such thread or it did not answer within `timeout` (it is uninterruptibly in the kernel, or has not been
/// scheduled). Any thread, not in a signal handler; a system call that the thread waits in is restarted,
/// or fails with EINTR where the kernel does not restart (sleeps, epoll_wait).
[[nodiscard]] Backtrace capture_backtrace(int thread_id, std::chrono::nanoseconds timeout);

}  // namespace spindle::runtime
