// SPDX-License-Identifier: Apache-2.0
//
// The switch around the assembly: exception state, and what the sanitizers must be told.
//
// Order in a switch: the exception state is exchanged before the stack is, while the thread is
// certain; the sanitizers are told last before and first after, and no instrumented code runs
// between.
#include "runtime/fiber/context.hpp"

#include <cxxabi.h>
#include <unwind.h>
#include <cstdint>

#include <utility>

#include "runtime/error.hpp"

#ifdef SPINDLE_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef SPINDLE_TSAN
#include <sanitizer/tsan_interface.h>
#define SPINDLE_NO_TSAN __attribute__((no_sanitize_thread))
#else
#define SPINDLE_NO_TSAN
#endif

// In context_<architecture>.S. `passed` comes back as the result upon the stack switched to.
extern "C" spindle::runtime::Context* spindle_context_switch(void** save_sp, void* load_sp,
                                                             spindle::runtime::Context* passed);
extern "C" void* spindle_context_prepare(void* top, void (*entry)(void*), void* argument);
extern "C" void spindle_context_unwind(void* sp, _Unwind_Trace_Fn trace, void* argument);

namespace spindle::runtime {
namespace {

// __cxa_get_globals is declared const: a compiler may use again the address it gave before a
// switch, which belongs to the thread before the switch. Behind this accessor it is looked up every
// time. The address is kept in a variable of our own because the library's look-up costs a
// __tls_get_addr.
SPINDLE_NO_TSAN __attribute__((noinline)) ExceptionGlobals& exception_globals() {
    __attribute__((tls_model("initial-exec"))) static thread_local ExceptionGlobals* known = nullptr;
    if (known == nullptr) [[unlikely]] {
        known = reinterpret_cast<ExceptionGlobals*>(abi::__cxa_get_globals());
    }
    ExceptionGlobals* globals = known;
    asm volatile("" : "+r"(globals) : : "memory");
    return *globals;
}

// Last thing upon the stack that is left. A null `fake_stack_save` frees ASan's fake stack.
SPINDLE_NO_TSAN inline void depart([[maybe_unused]] void** fake_stack_save, [[maybe_unused]] Context& to) {
#ifdef SPINDLE_ASAN
    __sanitizer_start_switch_fiber(fake_stack_save, to.stack_bottom, to.stack_size);
#endif
#ifdef SPINDLE_TSAN
    __tsan_switch_to_fiber(to.tsan_fiber, 0);
#endif
}

// First thing upon the stack switched to. `from` is the context left, maybe abandoned.
SPINDLE_NO_TSAN inline void arrive([[maybe_unused]] Context* from, [[maybe_unused]] void* fake_stack) {
#ifdef SPINDLE_ASAN
    __sanitizer_finish_switch_fiber(fake_stack, &from->stack_bottom, &from->stack_size);
#endif
#ifdef SPINDLE_TSAN
    if (from->abandoned) {
        from->abandoned = false;
        retire_context(*from);
    }
#endif
}

}  // namespace

SPINDLE_NO_TSAN void make_context(Context& context, std::span<std::byte> stack, void (*entry)(void*), void* argument) {
    retire_context(context);
    context = Context{};
#ifdef SPINDLE_ASAN
    __asan_unpoison_memory_region(stack.data(), stack.size());  // frames that a former user abandoned
    context.stack_bottom = stack.data();
    context.stack_size = stack.size();
#endif
#ifdef SPINDLE_TSAN
    context.tsan_fiber = __tsan_create_fiber(0);
    context.owns_tsan_fiber = true;
#endif
    std::byte* end = stack.data() + stack.size();
    std::byte* top = end - (reinterpret_cast<std::uintptr_t>(end) & 15);
    context.sp = spindle_context_prepare(top, entry, argument);
}

SPINDLE_NO_TSAN void switch_context(Context& from, Context& to) {
    ExceptionGlobals& running = exception_globals();
    from.exceptions = running;
    running = to.exceptions;
#if defined(SPINDLE_ASAN)
    depart(&from.fake_stack, to);
    Context* left = spindle_context_switch(&from.sp, to.sp, &from);
    arrive(left, from.fake_stack);
#elif defined(SPINDLE_TSAN)
    from.tsan_fiber = __tsan_get_current_fiber();
    depart(nullptr, to);
    Context* left = spindle_context_switch(&from.sp, to.sp, &from);
    arrive(left, nullptr);
#else
    spindle_context_switch(&from.sp, to.sp, &from);
#endif
}

SPINDLE_NO_TSAN void switch_and_abandon(Context& abandoned, Context& to) {
    ExceptionGlobals& running = exception_globals();
    CHECK_THAT(running.caught == nullptr && running.uncaught == 0);
    running = to.exceptions;
#ifdef SPINDLE_TSAN
    CHECK_THAT(abandoned.owns_tsan_fiber);
    abandoned.abandoned = true;
#endif
    depart(nullptr, to);
    spindle_context_switch(&abandoned.sp, to.sp, &abandoned);
    __builtin_unreachable();
}

SPINDLE_NO_TSAN void retire_context([[maybe_unused]] Context& context) {
#ifdef SPINDLE_TSAN
    if (context.owns_tsan_fiber) __tsan_destroy_fiber(context.tsan_fiber);
    context.tsan_fiber = nullptr;
    context.owns_tsan_fiber = false;
#endif
}

Backtrace context_backtrace(const Context& context) {
    struct Frames {
        Backtrace found;
        bool first = true;  // the assembly's own
    } frames;
    auto add = [](_Unwind_Context* frame, void* into) {
        auto& known = *static_cast<Frames*>(into);
        if (std::exchange(known.first, false)) return _URC_NO_REASON;
        const _Unwind_Ptr address = _Unwind_GetIP(frame);
        if (address == 0 || known.found.full()) return _URC_END_OF_STACK;
        known.found.append(reinterpret_cast<const void*>(address - 1));  // NOLINT(performance-no-int-to-ptr)
        return _URC_NO_REASON;
    };
    spindle_context_unwind(context.sp, add, &frames);
    return frames.found;
}

}  // namespace spindle::runtime

// Called by the assembly as the first frame of a new context; noexcept ends the process when entry
// throws.
extern "C" [[noreturn, gnu::visibility("hidden")]] SPINDLE_NO_TSAN void spindle_context_begin(
    spindle::runtime::Context* from, void (*entry)(void*), void* argument) noexcept {
    spindle::runtime::arrive(from, nullptr);
    entry(argument);
    CHECK_THAT(!"a context's entry returned");
    __builtin_unreachable();
}
