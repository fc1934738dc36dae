// SPDX-License-Identifier: Apache-2.0
#include "runtime/spawn.hpp"

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "on_every_backend.hpp"

using namespace spindle::runtime;
using namespace spindle::test;
using namespace std::chrono_literals;

namespace {

task<void> count(std::atomic<int>& counter) {
    ++counter;
    co_return;
}

task<void> count_after_yields(std::atomic<int>& counter, int yields) {
    for (int i = 0; i < yields; ++i) co_await yield();
    ++counter;
}

task<void> count_after_sleep(std::atomic<int>& counter, std::chrono::nanoseconds duration) {
    const Result<void> slept = co_await sleep_for(duration);
    if (slept) ++counter;
}

task<void> spawn_tree(std::atomic<int>& counter, int depth) {
    ++counter;
    if (depth > 0) {
        spawn(spawn_tree(counter, depth - 1));
        spawn(spawn_tree(counter, depth - 1));
    }
    co_return;
}

task<void> note(std::vector<int>& order, int what) {
    order.push_back(what);
    co_return;
}

task<void> throw_after_yield() {
    co_await yield();
    throw std::runtime_error("not caught by the flow");
}

}  // namespace

TEST_CASE("main runs on a backend without listeners, and its end ends run()") {
    for (const BackendVariant& variant : kBackendVariants) {
        bool ran = false;
        on_backend(variant, [&](Run& run) -> task<void> {
            CHECK(std::string(current_identity().backend) == run.backend.name());
            ran = true;
            co_return;
        });
        CHECK(ran);
    }
}

TEST_CASE("without main and listeners run() waits for request_drain") {
    for (const BackendVariant& variant : kBackendVariants) {
        const auto backend = make(variant);
        Service service;
        std::atomic<bool> drained{false};
        std::jthread drains;
        service.on_ready = [&] {
            drains = std::jthread([&] {
                drained = true;
                backend->request_drain();
            });
        };
        CHECK(backend->run(service).has_value());
        CHECK(drained);
    }
}

TEST_CASE("run() ends only when the spawned flows have ended") {
    constexpr int kEach = 100 / kThrift;
    for (const BackendVariant& variant : kBackendVariants) {
        std::atomic<int> counter{0};
        on_backend(variant, [&](Run&) -> task<void> {
            for (int i = 0; i < kEach; ++i) spawn(count_after_sleep(counter, 20ms));
            for (int i = 0; i < kEach; ++i) spawn(count_after_yields(counter, i));
            for (int i = 0; i < kEach; ++i) spawn_light(count_after_yields(counter, i));
            for (int i = 0; i < kEach; ++i) spawn_light(count_after_sleep(counter, 20ms));
            co_return;
        });
        CHECK(counter == 4 * kEach);
    }
}

TEST_CASE("the event loop runs a spawned flow at its next turn, never inside spawn()") {
    on_backend(kBackendVariants[0], [&](Run&) -> task<void> {
        std::vector<int> order;
        spawn(note(order, 2));
        spawn(note(order, 3));
        order.push_back(1);
        co_await yield();
        CHECK(order == std::vector{1, 2, 3});
    });
}

TEST_CASE("more flows than any queue holds, spawned by flows that spawn") {
    for (const BackendVariant& variant : kBackendVariants) {
        std::atomic<int> counter{0};
        on_backend(variant, [&](Run&) -> task<void> {
            spawn(spawn_tree(counter, 12));
            for (int i = 0; i < 5000; ++i) spawn(count(counter));
            co_return;
        });
        CHECK(counter == (1 << 13) - 1 + 5000);
    }
}

TEST_CASE("what a spawned flow throws is reported, and the others go on") {
    for (const BackendVariant& variant : kBackendVariants) {
        std::atomic<int> counter{0};
        on_backend(variant, [&](Run& run) -> task<void> {
            for (int i = 0; i < 10; ++i) {
                spawn(throw_after_yield());
                spawn(count(counter));
            }
            while (run.exceptions < 10 || counter < 10) co_await yield();
        });
    }
}

TEST_CASE("a flow left at the drain deadline is cancelled") {
    for (const BackendVariant& variant : kBackendVariants) {
        std::atomic<int> slept{0};
        const auto main = [&](Run&) -> task<void> {
            for (int i = 0; i < 10; ++i) spawn(count_after_sleep(slept, 1h));
            co_return;
        };
        on_backend(variant, main, kShortDrain);
        CHECK(slept == 0);
    }
}
