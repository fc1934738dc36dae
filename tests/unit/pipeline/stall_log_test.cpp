// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/stall_log.hpp"

#include <doctest/doctest.h>

using namespace spindle::pipeline;
using namespace std::chrono_literals;

TEST_CASE("rate limit: one a period and key, and the next one says how many were left out") {
    RateLimit limit(1s);
    const RateLimit::Clock::time_point start{};
    CHECK(limit.pass("/cpu", start) == 0);
    CHECK_FALSE(limit.pass("/cpu", start + 1ms));
    CHECK_FALSE(limit.pass("/cpu", start + 999ms));
    CHECK(limit.pass("/block", start + 999ms) == 0);
    CHECK(limit.pass("/cpu", start + 1s) == 2);
    CHECK_FALSE(limit.pass("/cpu", start + 1999ms));
    CHECK(limit.pass("/cpu", start + 5s) == 1);
    CHECK(limit.pass("/cpu", start + 7s) == 0);
}
