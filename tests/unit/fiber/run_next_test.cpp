// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a flow that another one has woken and that does not let it run.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>

#include "runtime/fiber/fiber_backend.hpp"
#include "runtime/io.hpp"
#include "runtime/spawn.hpp"
#include "runtime/sync.hpp"

using namespace spindle::runtime;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kTooLate = 60s;
constexpr int kTimes = 100;

task<void> count(Channel<int>& sent, std::atomic<int>& received) {
    while (true) {
        const Result<int> number = co_await sent.receive();
        if (!number) break;
        received.store(*number, std::memory_order_release);
    }
}

/// → how often the receiver had not run when this one, which keeps its processor, gave it up.
task<void> send_and_stay(int& missed) {
    Channel<int> sent(0);
    std::atomic<int> received{0};
    spawn(count(sent, received));
    for (int number = 1; number <= kTimes; ++number) {
        const Result<void> rested = co_await sleep_for(1ms);
        int value = number;
        const Result<void> given = co_await sent.send(value);
        if (!rested || !given) break;
        const auto start = Clock::now();
        while (received.load(std::memory_order_acquire) < number && Clock::now() - start < kTooLate) {
        }
        if (received.load(std::memory_order_acquire) < number) ++missed;
    }
    sent.close();
}

}  // namespace

TEST_CASE("a flow whose waker goes on computing is run by another processor, though no hand-off helps") {
    const auto backend = make_fiber({.processors = 2, .handoff_after = 1h});
    int missed = -1;
    Service service;
    service.main = [&]() -> task<void> {
        missed = 0;
        WaitGroup ended;
        ended.add();
        const auto handler = [](task<void> body, WaitGroup& group) -> task<void> {
            co_await body;
            group.done();
        };
        spawn(handler(send_and_stay(missed), ended));
        const Result<void> all = co_await ended.wait();
        CHECK(all.has_value());
    };
    REQUIRE(backend->run(service));
    CHECK(missed == 0);
}
