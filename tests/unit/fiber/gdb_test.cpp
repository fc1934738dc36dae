// SPDX-License-Identifier: Apache-2.0
//
// A debugger sees a fiber's frames to their end: gdb runs one test of this very program, stops upon a fiber that
// has parked and was resumed, and prints its calls.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "runtime/fiber/context.hpp"
#include "runtime/fiber/stacks.hpp"

using namespace spindle::runtime;

// Where gdb stops; a name that it finds without a namespace.
extern "C" [[gnu::noinline]] void spindle_test_stop_here() { asm volatile("" ::: "memory"); }

namespace {

Context home;
Stack* stack = nullptr;

[[gnu::noinline]] void park_and_stop() {
    switch_context(stack->context, home);
    spindle_test_stop_here();
    switch_context(stack->context, home);
    asm volatile("" ::: "memory");
}

std::string output_of(const std::string& command) {
    std::string output;
    std::FILE* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::array<char, 4096> bytes{};
    while (const std::size_t read = std::fread(bytes.data(), 1, bytes.size(), pipe)) output.append(bytes.data(), read);
    ::pclose(pipe);
    return output;
}

// As gdb says it where a sandbox, Yama or a kernel without it is in the way.
bool cannot_trace(const std::string& shown) {
    return shown.find("Could not trace the inferior process") != std::string::npos ||
           shown.find("ptrace: ") != std::string::npos;
}

}  // namespace

TEST_CASE("for the debugger: a fiber parks, is resumed and stops") {
    StackSlabs slabs(64 * 1024);
    stack = slabs.take();
    make_context(stack->context, stack->memory(), [](void*) { park_and_stop(); }, nullptr);
    switch_context(home, stack->context);
    switch_context(home, stack->context);
    retire_context(stack->context);
    slabs.give(stack);
}

#if defined(SPINDLE_ASAN) || defined(SPINDLE_TSAN)
constexpr bool kSanitized = true;  // slow to start under a debugger, and LeakSanitizer refuses to
#else
constexpr bool kSanitized = false;
#endif

TEST_CASE("gdb shows a resumed fiber's calls to the end" * doctest::skip(kSanitized)) {
    if (std::system("gdb --version >/dev/null 2>&1") != 0) {
        MESSAGE("skipped: gdb is not installed");
        return;
    }
    std::array<char, 4096> path{};
    REQUIRE(::readlink("/proc/self/exe", path.data(), path.size() - 1) > 0);
    const std::string shown =
        output_of(std::string("DEBUGINFOD_URLS= SHELL=/bin/sh timeout --kill-after=5 120 gdb -nx -batch "
                              "-ex 'set confirm off' -ex 'break spindle_test_stop_here' -ex run -ex bt -ex kill "
                              "--args '") +
                  path.data() + "' '-tc=for the debugger*' 2>&1 </dev/null");
    if (cannot_trace(shown)) {
        MESSAGE("skipped: ptrace is forbidden here");
        return;
    }
    INFO(shown);
    const auto innermost = shown.find("#0  spindle_test_stop_here");
    REQUIRE(innermost != std::string::npos);
    const auto parked = shown.find("park_and_stop", innermost);
    REQUIRE(parked != std::string::npos);
    const auto end = shown.find("spindle_context_first_frame", parked);
    REQUIRE(end != std::string::npos);
    CHECK(shown.find("\n#", end) == std::string::npos);  // the last frame
    CHECK(shown.find("corrupt stack") == std::string::npos);
    CHECK(shown.find("Backtrace stopped") == std::string::npos);
}
