// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/virtual_threads.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using spindle::sim::VirtualThreads;

namespace {

/// A sleeper that looks for work first and announces itself after: what went wrong with that seed.
std::string sleep_carelessly(std::uint64_t seed) {
    bool work = false;
    bool asleep = false;
    bool woken = false;
    VirtualThreads threads(seed);
    const std::function<bool()> is_woken = [&] { return woken; };
    threads.add("the sleeper", [&] {
        if (work) return;
        VirtualThreads::here();
        asleep = true;
        VirtualThreads::wait_until("a wake-up", is_woken);
    });
    threads.add("the waker", [&] {
        work = true;
        VirtualThreads::here();
        if (asleep) woken = true;
    });
    return threads.run();
}

std::vector<int> turns_of(std::uint64_t seed) {
    std::vector<int> turns;
    VirtualThreads threads(seed);
    for (int number = 0; number < 4; ++number) {
        threads.add("one of four", [&turns, number] {
            for (int i = 0; i < 10; ++i) {
                turns.push_back(number);
                VirtualThreads::here();
            }
        });
    }
    REQUIRE(threads.run() == "");
    return turns;
}

}  // namespace

TEST_CASE("virtual threads find the order of steps that loses a wake-up, and others that do not") {
    unsigned lost = 0;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        const std::string wrong = sleep_carelessly(seed);
        if (wrong.empty()) continue;
        CHECK(wrong == "nobody can go on: the sleeper waits for a wake-up; ");
        ++lost;
    }
    CHECK(lost > 0);
    CHECK(lost < 200);
}

TEST_CASE("a seed repeats a run of virtual threads, and another one does not") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CHECK(turns_of(seed) == turns_of(seed));
        CHECK(turns_of(seed) != turns_of(seed + 1));
    }
}
