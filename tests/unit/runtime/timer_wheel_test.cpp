// SPDX-License-Identifier: Apache-2.0
#include "runtime/reactor/timer_wheel.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

using namespace spindle::runtime;

namespace {

struct Alarm : Timer {
    explicit Alarm(TimerWheel& wheel) : wheel(wheel) {
        fire = [](Timer& timer, Fired reason) {
            auto& self = static_cast<Alarm&>(timer);
            self.fired_at.push_back(self.wheel.now());
            self.reasons.push_back(reason);
            if (self.again_in != 0) self.wheel.schedule(self, self.wheel.now() + self.again_in);
            if (self.to_cancel != nullptr) self.wheel.cancel(*self.to_cancel);
        };
    }
    TimerWheel& wheel;
    std::vector<std::uint64_t> fired_at;
    std::vector<Fired> reasons;
    std::uint64_t again_in = 0;
    Alarm* to_cancel = nullptr;
};

}  // namespace

TEST_CASE("A timer fires at its tick, not before, and once") {
    for (const std::uint64_t deadline :
         {1ULL, 2ULL, 63ULL, 64ULL, 65ULL, 4095ULL, 4096ULL, 4097ULL, 300000ULL, 20000000ULL}) {
        CAPTURE(deadline);
        TimerWheel wheel;
        Alarm alarm(wheel);
        wheel.schedule(alarm, deadline);
        wheel.advance(deadline - 1);
        CHECK(alarm.fired_at.empty());
        wheel.advance(deadline);
        CHECK(alarm.fired_at == std::vector<std::uint64_t>{deadline});
        CHECK_FALSE(alarm.scheduled());
        wheel.advance(deadline + 100000);
        CHECK(alarm.fired_at.size() == 1);
    }
}

TEST_CASE("A deadline that has passed fires with the next advance") {
    TimerWheel wheel;
    wheel.advance(100);
    Alarm alarm(wheel);
    wheel.schedule(alarm, 5);
    wheel.advance(101);
    CHECK(alarm.fired_at.size() == 1);
}

TEST_CASE("A cancelled timer never fires") {
    TimerWheel wheel;
    Alarm first(wheel);
    Alarm second(wheel);
    wheel.schedule(first, 70);
    wheel.schedule(second, 70);
    wheel.cancel(first);
    wheel.advance(1000);
    CHECK(first.fired_at.empty());
    CHECK(second.fired_at.size() == 1);
}

TEST_CASE("A timer may schedule itself and cancel another while it fires") {
    TimerWheel wheel;
    Alarm periodic(wheel);
    periodic.again_in = 10;
    wheel.schedule(periodic, 10);
    for (std::uint64_t now = 1; now <= 35; ++now) wheel.advance(now);
    CHECK(periodic.fired_at == std::vector<std::uint64_t>{10, 20, 30});
    wheel.cancel(periodic);

    Alarm victim(wheel);
    Alarm killer(wheel);
    killer.to_cancel = &victim;
    victim.to_cancel = &killer;
    wheel.schedule(killer, 50);
    wheel.schedule(victim, 50);
    wheel.advance(60);
    CHECK(killer.fired_at.size() + victim.fired_at.size() == 1);
}

TEST_CASE("next_expiry is never later than the earliest deadline, and advancing to it again and again gets there") {
    TimerWheel wheel;
    CHECK_FALSE(wheel.next_expiry().has_value());
    Alarm alarm(wheel);
    wheel.schedule(alarm, 1234567);
    unsigned steps = 0;
    while (alarm.fired_at.empty()) {
        const auto next = wheel.next_expiry();
        REQUIRE(next.has_value());
        CHECK(*next <= 1234567);
        wheel.advance(*next);
        REQUIRE(++steps <= TimerWheel::kLevels + 1);
    }
    CHECK(alarm.fired_at == std::vector<std::uint64_t>{1234567});
}

TEST_CASE("A drain fires the drainable timers only, the end all of them") {
    TimerWheel wheel;
    Alarm drainable(wheel);
    Alarm other(wheel);
    drainable.drainable = true;
    wheel.schedule(drainable, 100);
    wheel.schedule(other, 5000);
    wheel.fire_all(Fired::drained);
    CHECK(drainable.reasons == std::vector<Fired>{Fired::drained});
    CHECK(other.reasons.empty());
    wheel.fire_all(Fired::cancelled);
    CHECK(other.reasons == std::vector<Fired>{Fired::cancelled});
}

TEST_CASE("Many timers, scheduled, cancelled and advanced at random, fire like a sorted list") {
    constexpr unsigned kSeed = 20261124;
    std::mt19937 random(kSeed);
    TimerWheel wheel;
    std::deque<Alarm> alarms;
    for (int i = 0; i < 500; ++i) alarms.emplace_back(wheel);
    std::vector<std::uint64_t> wanted(alarms.size(), 0);  // 0: not scheduled
    std::uint64_t now = 0;
    for (int step = 0; step < 20000; ++step) {
        const std::size_t i = random() % alarms.size();
        Alarm& alarm = alarms[i];
        if (alarm.scheduled()) wheel.cancel(alarm);
        wanted[i] = 0;
        if (random() % 4 != 0) {
            wanted[i] = now + 1 + (random() % (1U << (random() % 20)));
            wheel.schedule(alarm, wanted[i]);
        }
        if (random() % 3 == 0) {
            now += random() % 200;
            wheel.advance(now);
            for (std::size_t k = 0; k < alarms.size(); ++k) {
                if (wanted[k] == 0 || wanted[k] > now) continue;
                REQUIRE(alarms[k].fired_at.size() == 1);
                wanted[k] = 0;
                alarms[k].fired_at.clear();
            }
        }
        REQUIRE(std::ranges::all_of(alarms, [](const Alarm& one) { return one.fired_at.empty(); }));
    }
    wheel.fire_all(Fired::cancelled);
}
