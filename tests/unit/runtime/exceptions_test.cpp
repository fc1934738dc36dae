// SPDX-License-Identifier: Apache-2.0
//
// Exceptions in flows that wait and move between threads while they are thrown, caught and rethrown.
#include <atomic>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>

#include "on_every_backend.hpp"
#include "runtime/sync.hpp"

using namespace spindle::runtime;
using namespace spindle::test;
using namespace std::chrono_literals;

namespace {

task<void> nothing() { co_return; }

void compute(std::chrono::microseconds duration) {
    const auto end = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < end) {
    }
}

task<int> fail_after_wait(int number) {
    const Result<void> slept = co_await sleep_for(1ms);
    CHECK(slept.has_value());
    throw std::runtime_error(std::to_string(number));
}

task<int> rethrow_after_wait(int number) {
    std::exception_ptr caught;
    try {
        task<int> failing = fail_after_wait(number);
        co_return co_await failing;
    } catch (...) {
        caught = std::current_exception();
    }
    co_await yield();
    std::rethrow_exception(caught);
}

/// Enters the runtime inside catch blocks, by spawning: a fiber whose processor was handed off meanwhile goes on
/// upon another thread there, its exceptions with it.
int nested_catches(int number) {
    try {
        throw std::runtime_error(std::to_string(number));
    } catch (const std::runtime_error& outer) {
        compute(3ms);
        spawn(nothing());
        try {
            throw std::logic_error(std::to_string(number + 1));
        } catch (const std::logic_error& inner) {
            compute(3ms);
            spawn(nothing());
            CHECK(std::string(inner.what()) == std::to_string(number + 1));
        }
        CHECK(std::string(outer.what()) == std::to_string(number));
        try {
            throw;
        } catch (const std::runtime_error& again) {
            return std::stoi(again.what());
        }
    }
}

}  // namespace

TEST_CASE("what is thrown after a wait arrives, rethrown after another wait") {
    on_every_backend([](Run&) -> task<void> {
        WaitGroup group;
        std::atomic<int> right{0};
        const auto flow = [&](int number) -> task<void> {
            try {
                task<int> failing = rethrow_after_wait(number);
                co_await failing;
            } catch (const std::runtime_error& error) {
                if (error.what() == std::to_string(number)) ++right;
            }
            CHECK(std::uncaught_exceptions() == 0);
            group.done();
        };
        group.add(100);
        for (int i = 0; i < 100; ++i) spawn(flow(i));
        const Result<void> ended = co_await group.wait();
        CHECK(ended.has_value());
        CHECK(right == 100);
    });
}

TEST_CASE("exceptions that are being handled move with their fiber") {
    on_every_backend([](Run&) -> task<void> {
        WaitGroup group;
        std::atomic<int> right{0};
        const auto flow = [&](int number) -> task<void> {
            if (nested_catches(number) == number) ++right;
            CHECK(std::current_exception() == nullptr);
            co_await yield();
            CHECK(std::current_exception() == nullptr);
            group.done();
        };
        group.add(20);
        for (int i = 0; i < 20; ++i) spawn(flow(i));
        const Result<void> ended = co_await group.wait();
        CHECK(ended.has_value());
        CHECK(right == 20);
    });
}

TEST_CASE("a std::mutex that a flow blocks on holds up nobody else under fiber") {
    for (const BackendVariant& variant : kBackendVariants) {
        if (!variant.fiber()) continue;  // the loop's only thread would wait for itself: documented
        on_backend(variant, [](Run& run) -> task<void> {
            std::mutex mutex;
            std::atomic<bool> locked{false};
            std::atomic<bool> others_ran{false};
            std::atomic<int> through{0};
            WaitGroup group;
            const auto holder = [&]() -> task<void> {
                {
                    const std::lock_guard lock(mutex);
                    locked = true;
                    // Let go only when others have run: with fewer processors than blocked threads that takes hand-offs.
                    while (!others_ran) compute(100us);
                }
                group.done();
                co_return;
            };
            const auto blocked = [&]() -> task<void> {
                while (!locked) co_await yield();
                {
                    const std::lock_guard lock(mutex);
                    ++through;
                }
                group.done();
                co_return;
            };
            const auto other = [&]() -> task<void> {
                while (!locked) co_await yield();
                const Result<void> slept = co_await sleep_for(1ms);
                CHECK(slept.has_value());
                others_ran = true;
                group.done();
            };
            const int blockers = static_cast<int>(run.variant.processors) + 2;
            group.add(blockers + 2);
            spawn(holder());
            for (int i = 0; i < blockers; ++i) spawn(blocked());
            spawn(other());
            const Result<void> ended = co_await group.wait();
            CHECK(ended.has_value());
            CHECK(through == blockers);
        });
    }
}
