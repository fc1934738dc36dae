// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/address_counts.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/pipeline/client.hpp"

using spindle::pipeline::AddressCounts;
using spindle::pipeline::client;

TEST_CASE("A client has as many connections as it may have, over all processes") {
    AddressCounts counts(2, 3);
    CHECK(counts.enter(0, client(1)));
    CHECK(counts.enter(1, client(1)));
    CHECK(counts.enter(0, client(1)));
    CHECK_FALSE(counts.enter(0, client(1)));
    CHECK_FALSE(counts.enter(1, client(1)));
    CHECK(counts.enter(1, client(2)));

    counts.leave(0, client(1));
    CHECK(counts.enter(1, client(1)));
    CHECK_FALSE(counts.enter(1, client(1)));
}

TEST_CASE("What is refused is not counted") {
    AddressCounts counts(1, 1);
    CHECK(counts.enter(0, client(1)));
    for (int i = 0; i < 100; ++i) CHECK_FALSE(counts.enter(0, client(1)));
    counts.leave(0, client(1));
    CHECK(counts.enter(0, client(1)));
}

TEST_CASE("A dead process' connections are forgotten, its siblings' are not") {
    AddressCounts counts(2, 2);
    CHECK(counts.enter(0, client(1)));
    CHECK(counts.enter(1, client(1)));
    counts.forget(0);
    CHECK(counts.enter(0, client(1)));
    CHECK_FALSE(counts.enter(0, client(1)));
}

TEST_CASE("Of very many clients hardly one is taken for others") {
    AddressCounts counts(1, 10);
    unsigned refused = 0;
    for (std::uint32_t number = 0; number < 20'000; ++number) refused += counts.enter(0, client(number)) ? 0 : 1;
    CHECK(refused == 0);
}

TEST_CASE("Threads that come and go together never let more in than there is place, and leave nothing") {
    AddressCounts counts(1, 3);
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 20'000; ++i) {
                if (!counts.enter(0, client(7))) continue;
                const int now = ++inside;
                int seen = most;
                while (seen < now && !most.compare_exchange_weak(seen, now)) {
                }
                --inside;
                counts.leave(0, client(7));
            }
        });
    }
    threads.clear();
    CHECK(most <= 3);
    for (int i = 0; i < 3; ++i) CHECK(counts.enter(0, client(7)));
}
