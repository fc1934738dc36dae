// SPDX-License-Identifier: Apache-2.0
#include "runtime/backtrace.hpp"

#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <semaphore>
#include <string>
#include <thread>

#include "runtime/symbols.hpp"

using namespace spindle::runtime;
using namespace std::chrono_literals;

namespace {

// g++ 12's thread sanitizer keeps a signal until the thread's system call has ended.
#ifdef __SANITIZE_THREAD__
constexpr bool kSignalsAreHeldBack = true;
#else
constexpr bool kSignalsAreHeldBack = false;
#endif

int thread_id() { return static_cast<int>(::syscall(SYS_gettid)); }

// Static functions on purpose: dladdr does not know them.
[[gnu::noinline]] void spin_innermost(const std::atomic<bool>& ended) {
    while (!ended.load()) ::getppid();  // TSan lets signals through at calls that it intercepts
    asm volatile("" ::: "memory");
}
[[gnu::noinline]] void spin_middle(const std::atomic<bool>& ended) {
    spin_innermost(ended);
    asm volatile("" ::: "memory");
}
[[gnu::noinline]] void block_in_read(int descriptor, int& error) {
    char byte = 0;
    error = ::read(descriptor, &byte, 1) == 1 ? 0 : errno;
}

std::string described(const Backtrace& trace) {
    std::string lines;
    for (const void* address : trace.frames()) lines += describe_address(address) + "\n";
    return lines;
}

}  // namespace

TEST_CASE("a thread that computes shows its calls, innermost first and by name") {
    std::atomic<bool> ended{false};
    std::binary_semaphore begun{0};
    int id = 0;
    std::thread computing([&] {
        id = thread_id();
        begun.release();
        spin_middle(ended);
    });
    begun.acquire();
    std::string lines;
    // The first ones may find it before the call.
    for (int attempt = 0; attempt < 1000 && lines.find("spin_innermost") == std::string::npos; ++attempt) {
        lines = described(capture_backtrace(id, 5s));
    }
    ended = true;
    computing.join();
    INFO(lines);
    const auto innermost = lines.find("(anonymous namespace)::spin_innermost(std::atomic<bool> const&)+0x");
    REQUIRE(innermost != std::string::npos);
    CHECK(lines.find("spin_middle", innermost) != std::string::npos);
    // Nor is a handler that it calls later, as a function of its own, to be told from others.
    if (!kSignalsAreHeldBack) CHECK(lines.find("on_capture") == std::string::npos);
}

TEST_CASE("a thread that waits in the kernel answers, and its system call is restarted" *
          doctest::skip(kSignalsAreHeldBack)) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    std::binary_semaphore begun{0};
    int id = 0;
    int error = -1;
    std::thread blocked([&] {
        id = thread_id();
        begun.release();
        block_in_read(ends[0], error);
    });
    begun.acquire();
    std::string lines;
    for (int attempt = 0; attempt < 1000 && lines.find("block_in_read") == std::string::npos; ++attempt) {
        lines = described(capture_backtrace(id, 5s));
    }
    REQUIRE(::write(ends[1], "x", 1) == 1);
    blocked.join();
    CHECK(error == 0);
    CHECK_MESSAGE(lines.find("block_in_read") != std::string::npos, lines);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_CASE("a thread may capture itself, and one that is gone gives nothing") {
    CHECK_FALSE(capture_backtrace(thread_id(), 5s).empty());
    int id = 0;
    std::thread([&] { id = thread_id(); }).join();
    CHECK(capture_backtrace(id, 5s).empty());
}

TEST_CASE("functions have names, other code its file, and anything else its address") {
    CHECK(describe_address(reinterpret_cast<const std::byte*>(&describe_address) + 1) ==
          "spindle::runtime::describe_address[abi:cxx11](void const*)+0x1");
    CHECK(describe_address(reinterpret_cast<const void*>(&thread_id)).find("thread_id()+0x0") != std::string::npos);
    CHECK(describe_address(reinterpret_cast<const void*>(&::getppid)).find("getppid") != std::string::npos);
    CHECK(describe_address(reinterpret_cast<const void*>(0x10)) == "0x10");
}
