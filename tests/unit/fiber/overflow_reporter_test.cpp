// SPDX-License-Identifier: Apache-2.0
#include "runtime/overflow_reporter.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "runtime/fiber/fiber_backend.hpp"
#include "runtime/fiber/machine.hpp"
#include "runtime/fiber/stacks.hpp"
#include "runtime/io.hpp"

using namespace spindle::runtime;

namespace {

struct Ending {
    std::string output;
    int status = 0;
};

// Runs `body` in a child; what it writes to standard error and how it ends.
Ending in_a_child(void (*body)()) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    std::fflush(nullptr);  // or the child prints it once more
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::dup2(ends[1], STDERR_FILENO);
        const rlimit none{0, 0};
        ::setrlimit(RLIMIT_CORE, &none);
        for (int signal : {SIGSEGV, SIGABRT}) ::signal(signal, SIG_DFL);  // the test framework's, ASan's
        body();
        ::_exit(0);
    }
    ::close(ends[1]);
    Ending ending;
    char bytes[512];
    for (ssize_t n; (n = ::read(ends[0], bytes, sizeof bytes)) > 0;) ending.output.append(bytes, n);
    ::close(ends[0]);
    REQUIRE(::waitpid(child, &ending.status, 0) == child);
    return ending;
}

[[gnu::noinline]] int recurse(int depth) {
    volatile char frame[512];
    frame[0] = static_cast<char>(depth);
    const int below = depth < 0 ? 0 : recurse(depth + 1);
    return below + frame[0];
}

void overflow_a_stack() {
    AlternateSignalStack alternate;
    install_overflow_reporter(nullptr);
    static StackSlabs slabs(64 * 1024);
    static Context home;
    Stack* stack = slabs.take();
    make_context(stack->context, stack->memory(), [](void*) { recurse(0); }, nullptr);
    switch_context(home, stack->context);
}

void touch_unmapped_memory() {
    AlternateSignalStack alternate;
    install_overflow_reporter(nullptr);
    volatile int* address = reinterpret_cast<volatile int*>(std::size_t{4096});
    asm volatile("" : "+r"(address));
    *address = 1;
}

void give_back_a_stack_with_a_dead_canary() {
    StackSlabs slabs(64 * 1024, StackGuard::canary);
    Stack* stack = slabs.take();
    stack->base[0] = std::byte{0};
    slabs.give(stack);
}

void end_a_handler_with_a_dead_canary() {
    const auto backend = make_fiber({.stack_size = 64 * 1024, .stack_guard = StackGuard::canary});
    Service service;
    service.main = []() -> task<void> {
        const HandlerScope scope("/deep");
        this_machine().stack->base[0] = std::byte{0};
        co_return;
    };
    (void)backend->run(service);
}

void return_from_an_entry() {
    static StackSlabs slabs(64 * 1024);
    static Context home;
    Stack* stack = slabs.take();
    make_context(stack->context, stack->memory(), [](void*) {}, nullptr);
    switch_context(home, stack->context);
}

void abandon_inside_a_catch_block() {
    static StackSlabs slabs(64 * 1024);
    static Context home;
    static Stack* stack = slabs.take();
    make_context(
        stack->context, stack->memory(),
        [](void*) {
            try {
                throw 1;
            } catch (int) {
                switch_and_abandon(stack->context, home);
            }
        },
        nullptr);
    switch_context(home, stack->context);
}

}  // namespace

TEST_SUITE_BEGIN("fiber deaths");

TEST_CASE("an overflow is named and ends the process") {
    const Ending ending = in_a_child(overflow_a_stack);
    CHECK(ending.output.find("stack overflow in a handler: stack_size = 65536 bytes, raise "
                             "concurrency.fiber.stack_size") != std::string::npos);
    REQUIRE(WIFSIGNALED(ending.status));
    CHECK(WTERMSIG(ending.status) == SIGABRT);
}

TEST_CASE("another fault stays a segmentation fault") {
    const Ending ending = in_a_child(touch_unmapped_memory);
    CHECK(ending.output.find("stack overflow in a handler") == std::string::npos);
    REQUIRE(WIFSIGNALED(ending.status));
    CHECK(WTERMSIG(ending.status) == SIGSEGV);
}

TEST_CASE("a stack whose canary is dead is not taken back") {
    const Ending ending = in_a_child(give_back_a_stack_with_a_dead_canary);
    CHECK(ending.output.find("stack overflow in a handler") != std::string::npos);
    REQUIRE(WIFSIGNALED(ending.status));
    CHECK(WTERMSIG(ending.status) == SIGABRT);
}

TEST_CASE("a canary that dies in a handler is named with its fiber and route") {
    const Ending ending = in_a_child(end_a_handler_with_a_dead_canary);
    CHECK(ending.output.find("stack overflow in fiber 1, route /deep: stack_size = 65536 bytes, raise "
                             "concurrency.fiber.stack_size") != std::string::npos);
    REQUIRE(WIFSIGNALED(ending.status));
    CHECK(WTERMSIG(ending.status) == SIGABRT);
}

TEST_CASE("an entry that returns is a bug that ends the process") {
    const Ending ending = in_a_child(return_from_an_entry);
    CHECK(ending.output.find("a context's entry returned") != std::string::npos);
    REQUIRE(WIFSIGNALED(ending.status));
    CHECK(WTERMSIG(ending.status) == SIGABRT);
}

TEST_CASE("a stack that is handling an exception is not abandoned") {
    const Ending ending = in_a_child(abandon_inside_a_catch_block);
    CHECK(ending.output.find("spindle: bug: running.caught == nullptr") != std::string::npos);
    REQUIRE(WIFSIGNALED(ending.status));
    CHECK(WTERMSIG(ending.status) == SIGABRT);
}

TEST_SUITE_END();
