// SPDX-License-Identifier: Apache-2.0
#include "loadtest/threads.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loadtest/memory.hpp"
#include "loadtest/stopwatch.hpp"

namespace spindle::loadtest {
namespace {

constexpr std::size_t kStackSize = 256 * 1024;  // as fibers have
constexpr int kPingPongs = 200'000;
constexpr int kLives = 20'000;
constexpr int kLivesAtOnce = 100;
constexpr std::size_t kParked = 4'000;  // what most machines allow; each is measured, so more would say the same

void print(const char* name, double value) { std::printf("thread_%s %.2f\n", name, value); }

/// A number that threads wait for, by futex(2): what locks and condition variables are made of, so less than either.
class Turn {
  public:
    void give(int next) {
        value_.store(next, std::memory_order_release);
        call(FUTEX_WAKE_PRIVATE, kAll);
    }
    void wait_for(int wanted) {
        for (int seen = value_.load(std::memory_order_acquire); seen != wanted;
             seen = value_.load(std::memory_order_acquire))
            call(FUTEX_WAIT_PRIVATE, seen);
    }

  private:
    static constexpr int kAll = 1 << 30;

    void call(int operation, int value) { ::syscall(SYS_futex, &value_, operation, value, nullptr, nullptr, 0); }

    std::atomic<int> value_{0};
    static_assert(sizeof(std::atomic<int>) == sizeof(int));
};

/// This thread, and those that it begins meanwhile, on one CPU.
class OneCpu {
  public:
    OneCpu() {
        ::sched_getaffinity(0, sizeof before_, &before_);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(::sched_getcpu(), &one);
        ::sched_setaffinity(0, sizeof one, &one);
    }
    ~OneCpu() { ::sched_setaffinity(0, sizeof before_, &before_); }
    OneCpu(const OneCpu&) = delete;
    OneCpu& operator=(const OneCpu&) = delete;

  private:
    cpu_set_t before_;
};

pthread_t begin(void* (*body)(void*), void* argument) {
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, kStackSize);
    pthread_t thread{};
    const int error = ::pthread_create(&thread, &attributes, body, argument);
    ::pthread_attr_destroy(&attributes);
    if (error != 0) {
        std::fprintf(stderr, "a thread: %s\n", std::strerror(error));
        std::exit(1);
    }
    return thread;
}

/// Two threads wake each other, and sleep.
void ping_pong(const char* name) {
    Turn turn;
    const Stopwatch start;
    std::thread other([&turn] {
        for (int i = 0; i < kPingPongs; ++i) {
            turn.wait_for(1);
            turn.give(0);
        }
    });
    for (int i = 0; i < kPingPongs; ++i) {
        turn.give(1);
        turn.wait_for(0);
    }
    other.join();
    print(name, start.nanoseconds_each(2 * kPingPongs));
}

/// Begun, run, joined.
void life() {
    std::array<pthread_t, kLivesAtOnce> threads;
    const Stopwatch start;
    for (int i = 0; i < kLives / kLivesAtOnce; ++i) {
        for (pthread_t& thread : threads) thread = begin([](void*) -> void* { return nullptr; }, nullptr);
        for (const pthread_t thread : threads) ::pthread_join(thread, nullptr);
    }
    print("life_ns", start.nanoseconds_each(kLives));
}

/// Each waits, as for a connection's next request.
void parked() {
    struct All {
        Turn end;
        Turn arrived;
        std::atomic<std::size_t> waiting{0};
    } all;
    const auto wait = [](void* argument) -> void* {
        All& shared = *static_cast<All*>(argument);
        if (++shared.waiting == kParked) shared.arrived.give(1);
        shared.end.wait_for(1);
        return nullptr;
    };
    std::vector<pthread_t> threads(kParked);
    const double before = memory_bytes();
    const double kernel_before = kibibytes("/proc/meminfo", "KernelStack:");
    const Stopwatch start;
    for (pthread_t& thread : threads) thread = begin(wait, &all);
    all.arrived.wait_for(1);
    print("park_with_stack_ns", start.nanoseconds_each(kParked));
    print("parked_with_stack_bytes", (memory_bytes() - before) / static_cast<double>(kParked));
    print("kernel_stack_bytes",
          (kibibytes("/proc/meminfo", "KernelStack:") - kernel_before) * 1024 / static_cast<double>(kParked));
    all.end.give(1);
    for (const pthread_t thread : threads) ::pthread_join(thread, nullptr);
}

}  // namespace

void measure_threads() {
    {
        const OneCpu pinned;
        ping_pong("ping_pong_ns");
    }
    ping_pong("ping_pong_2_ns");
    life();
    parked();
}

}  // namespace spindle::loadtest
