// SPDX-License-Identifier: Apache-2.0
//
// Says "stack overflow" where the kernel would say "segmentation fault".
//
// A handler that overflows its stack hits the guard page beneath; the signal needs another stack to
// be handled on. Every thread that runs fibers holds an AlternateSignalStack; the reporter itself
// is installed once a process. Faults that are no overflow go where they would have gone without
// it.
#pragma once

#include <cstddef>

namespace spindle::runtime {

/// Installs the SIGSEGV handler, once a process; later calls do nothing. On a fault in a guard page
/// it writes one line to standard error and aborts (the core dump shows the overflowing frames).
void install_overflow_reporter();

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
