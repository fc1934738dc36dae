// SPDX-License-Identifier: Apache-2.0
//
// Says "stack overflow" where the kernel would say "segmentation fault", with the fiber and the route.
//
// A handler that overflows its stack hits the guard page beneath, a fiber's or a thread's; the signal needs
// another stack to be handled on. Every thread that runs handlers holds an AlternateSignalStack; the
// reporter itself is installed for the process. Faults that are no overflow go where they would have gone
// without it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spindle::runtime {

/// Who overflowed.
struct StackUser {
    std::uint64_t flow = 0;       ///< 0: none is known
    const char* route = nullptr;  ///< null: outside of handlers
};

/// Who runs on the calling thread. Called in the signal handler.
using AskStackUser = StackUser (*)() noexcept;

/// Installs the SIGSEGV handler, unless it is installed now; `ask` replaces an earlier one and may be null. By one
/// thread at a time. On a fault in a guard page the handler writes one line to standard error and aborts (the core
/// dump shows the overflowing frames).
void install_overflow_reporter(AskStackUser ask);

/// The same line and end for an overflow of a fiber's stack that no fault told of. By the thread that runs the fiber.
[[noreturn]] void report_overflow(std::size_t stack_size);

/// An alternate signal stack for the calling thread, for as long as the object lives. Made and
/// destroyed by the same thread. Keeps one that the thread has already; without memory the thread
/// goes without.
class AlternateSignalStack {
  public:
    AlternateSignalStack();
    ~AlternateSignalStack();
    AlternateSignalStack(const AlternateSignalStack&) = delete;
    AlternateSignalStack& operator=(const AlternateSignalStack&) = delete;

  private:
    void* memory_ = nullptr;
    std::size_t bytes_ = 0;
};

}  // namespace spindle::runtime
