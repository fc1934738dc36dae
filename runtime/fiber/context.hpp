// SPDX-License-Identifier: Apache-2.0
//
// Contexts: leaving one stack and going on upon another, the switch beneath every fiber.
//
// Terms. A *context* is what must be kept of a stack that is not running: its stack pointer
// (registers lie upon the stack itself) and the two words in which the C++ runtime keeps the
// exceptions being handled. A thread's own stack gets a context by being switched away from.
//
// Any thread may continue a context that another thread left, provided that something orders the
// two (a queue, an atomic with release and acquire); a context runs on one thread at a time. A
// switch costs no system call, keeps the signal mask as it is, and never allocates (except under
// TSan).
//
// After a switch the thread may be another one. The compiler assumes the opposite: code that
// suspends must read thread_local variables (errno too) only through noinline accessors, afresh
// each time.
//
// Rejected: ucontext (a system call a switch, 220 ns against 2-3), Boost.Context (no exception
// state, no end of the stack for unwinders, twice the time), returning by `ret` (mispredicted at
// every switch).
#pragma once

#include <atomic>
#include <cstddef>
#include <span>

#include "runtime/backtrace.hpp"
#include "runtime/sanitizers.hpp"

namespace spindle::runtime {

/// The exceptions being handled (a chain) and the number being thrown: the layout that the Itanium
/// C++ ABI (2.2.2) gives to __cxa_eh_globals on every 64-bit Linux.
struct ExceptionGlobals {
    void* caught = nullptr;
    unsigned uncaught = 0;
};

/// What is kept of a stack that is not running. Written by the thread that leaves the stack, read
/// by the one that continues it. Stays at its address from make_context (or the first switch from
/// it) on.
struct Context {
    void* sp = nullptr;
    ExceptionGlobals exceptions;
#ifdef SPINDLE_ASAN
    void* fake_stack = nullptr;          ///< ASan's, while not running
    const void* stack_bottom = nullptr;  ///< lowest address; learnt at the first switch for a thread's own
    std::size_t stack_size = 0;
#endif
#ifdef SPINDLE_TSAN
    void* tsan_fiber = nullptr;
    bool owns_tsan_fiber = false;  ///< made by make_context, not a thread's own
    bool abandoned = false;
#endif
};

/// Prepares `context` to call entry(argument) at the top of `stack` when it is first switched to.
/// `stack` is growing down from its end and needs 256 bytes beyond what entry uses. `entry` must
/// never return and never throw: either ends the process. The context starts with no exception in
/// flight and with the floating-point control words of the calling thread. A context that was
/// abandoned, retired, or never run may be made anew.
void make_context(Context& context, std::span<std::byte> stack, void (*entry)(void*), void* argument);

/// Saves the running stack into `from` and continues `to`. Returns when somebody switches to
/// `from`, maybe on another thread. May be called inside a catch block: what is being handled stays
/// with `from`.
void switch_context(Context& from, Context& to);

/// Continues `to` and gives up the running stack, which is `abandoned`'s: nothing is saved, no
/// destructor runs, and code upon `to` may hand the stack to anyone. Never from a thread's own
/// stack and never inside a catch block (checked): the exception would leak. `abandoned` must stay
/// readable until `to` runs, and so must its stack.
[[noreturn]] void switch_and_abandon(Context& abandoned, Context& to);

/// For a context that was made or left and that nobody will ever continue: frees what the
/// sanitizers keep for it. Objects on its stack are not destroyed. Not for the running context; no
/// effect otherwise.
void retire_context(Context& context);

/// Where a context that is not running stands, as its own thread would see it: the calls upon its stack, innermost
/// first, to the end. Nobody may continue it meanwhile. Runs the unwinder of exceptions from the registers that lie
/// upon the stack, so it needs no frame pointers.
[[nodiscard]] Backtrace context_backtrace(const Context& context);

/// Where the context stood when it was last left; whoever continues it may store null to say so. For inspectors.
[[nodiscard]] inline std::atomic_ref<void*> saved_sp(Context& context) noexcept {
    return std::atomic_ref<void*>(context.sp);
}

}  // namespace spindle::runtime
