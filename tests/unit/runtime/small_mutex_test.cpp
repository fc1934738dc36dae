// SPDX-License-Identifier: Apache-2.0
#include "runtime/small_mutex.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

using namespace spindle::runtime;
using namespace std::chrono_literals;

TEST_CASE("A small mutex is held by one at a time") {
    constexpr int kThreads = 4;
    constexpr int kTimes = 20'000;
    SmallMutex mutex;
    int count = 0;  // not atomic
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
            for (int j = 0; j < kTimes; ++j) {
                const std::lock_guard lock(mutex);
                ++count;
            }
        });
    }
    threads.clear();
    CHECK_EQ(count, kThreads * kTimes);
}

TEST_CASE("Whoever waits for a small mutex waits as long as it is held, and then has it") {
    SmallMutex mutex;
    std::atomic<bool> held{true};
    mutex.lock();
    std::jthread waiter([&] {
        const std::lock_guard lock(mutex);
        CHECK_FALSE(held.load());
    });
    std::this_thread::sleep_for(20ms);  // beyond what it looks for without a pause
    held = false;
    mutex.unlock();
}
