// SPDX-License-Identifier: Apache-2.0
#include "runtime/patience.hpp"

#include <doctest/doctest.h>

using spindle::runtime::Pace;
using spindle::runtime::Patience;
using namespace std::chrono_literals;

namespace {

constexpr Pace kPace{.timeout = 10s, .rate_min = 100};

}  // namespace

TEST_CASE("Waiting takes of the patience, and bytes give it back") {
    Patience patience(kPace);
    CHECK(patience.left() == 10s);
    patience.spend(4s, 0, kPace);
    CHECK(patience.left() == 6s);
    patience.spend(1s, 300, kPace);
    CHECK(patience.left() == 8s);
}

TEST_CASE("What was fast is no credit beyond one time-out") {
    Patience patience(kPace);
    patience.spend(1s, std::uint64_t{1} << 62, kPace);
    CHECK(patience.left() == 10s);
}

TEST_CASE("Who keeps to the rate is waited for as long as it takes; who does not, a time-out longer") {
    Patience steady(kPace);
    Patience slow(kPace);
    for (int second = 0; second < 1000; ++second) steady.spend(1s, 100, kPace);
    CHECK(steady.left() == 10s);
    int seconds = 0;
    for (; !slow.exhausted(kPace) && seconds < 1000; ++seconds) slow.spend(1s, 50, kPace);
    CHECK(seconds == 20);  // half of each second is made good
}

TEST_CASE("An exhausted patience still bounds a wait") {
    Patience patience(kPace);
    patience.spend(1h, 1, kPace);
    CHECK(patience.exhausted(kPace));
    CHECK(patience.left() > 0s);
    CHECK(patience.left() <= 1ms);
}

TEST_CASE("Without a rate each byte begins the time-out anew; without a time-out there is no end") {
    constexpr Pace kAnyRate{.timeout = 10s, .rate_min = 0};
    Patience any_rate(kAnyRate);
    any_rate.spend(1h, 1, kAnyRate);
    CHECK(any_rate.left() == 10s);
    CHECK_FALSE(any_rate.exhausted(kAnyRate));

    constexpr Pace kForever{.timeout = 0s, .rate_min = 100};
    Patience forever(kForever);
    forever.spend(1h, 1, kForever);
    CHECK(forever.left() == 0s);
    CHECK_FALSE(forever.exhausted(kForever));
}
