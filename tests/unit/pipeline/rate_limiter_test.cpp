// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/rate_limiter.hpp"

#include <doctest/doctest.h>

#include <memory>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/pipeline/client.hpp"

using spindle::pipeline::client;
using spindle::pipeline::RateLimiter;
using namespace std::chrono_literals;

namespace {

/// How many of `times` requests at that time pass.
unsigned passed(RateLimiter& limit, std::uint32_t number, RateLimiter::Time now, unsigned times) {
    unsigned count = 0;
    for (unsigned i = 0; i < times; ++i) count += limit.take(client(number), now) == 0s ? 1 : 0;
    return count;
}

}  // namespace

TEST_CASE("A burst passes, and then as many as the rate allows") {
    RateLimiter limit(10, 1s, 5);
    CHECK(passed(limit, 1, 100s, 20) == 5);
    CHECK(passed(limit, 1, 100s + 99ms, 20) == 0);
    CHECK(passed(limit, 1, 100s + 100ms, 20) == 1);
    CHECK(passed(limit, 1, 100s + 350ms, 20) == 2);
    CHECK(passed(limit, 1, 200s, 20) == 5);
}

TEST_CASE("Whoever keeps to the rate is never refused, and asking too often does not push the next time away") {
    RateLimiter limit(100, 1s, 1);
    for (int i = 0; i < 1000; ++i) CHECK(limit.take(client(1), 100s + i * 10ms) == 0s);
    CHECK(passed(limit, 1, 200s, 1000) == 1);
    CHECK(limit.take(client(1), 200s + 9ms) == 1ms);
    CHECK(limit.take(client(1), 200s + 10ms) == 0s);
}

TEST_CASE("Who is refused is told how long to wait") {
    RateLimiter limit(1, 1min, 2);
    CHECK(passed(limit, 1, 1000s, 5) == 2);
    CHECK(limit.take(client(1), 1000s) == 60s);
    CHECK(limit.take(client(1), 1015s) == 45s);
    CHECK(limit.take(client(1), 1060s) == 0s);
}

TEST_CASE("Clients have allowances of their own, also beside many that ask too much") {
    RateLimiter limit(1, 1s, 1);
    for (std::uint32_t number = 0; number < 1000; ++number) (void)passed(limit, number, 100s, 3);
    unsigned kept_out = 0;
    for (std::uint32_t number = 1'000'000; number < 1'001'000; ++number) kept_out += 1 - passed(limit, number, 100s, 1);
    CHECK(kept_out < 10);  // by chance 0.2
}

TEST_CASE("Processes that were forked count together") {
    RateLimiter limit(1, 1h, 4);
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(static_cast<int>(passed(limit, 1, 100s, 3)));
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CHECK(WEXITSTATUS(status) == 3);
    CHECK(passed(limit, 1, 100s, 3) == 1);
}
