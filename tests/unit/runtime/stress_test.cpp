// SPDX-License-Identifier: Apache-2.0
//
// Everything at once, seeded: flows that lock, send, receive, time out, cancel each other, spawn and sleep,
// on all processors. What must hold at the end is counted exactly.
#include <atomic>
#include <memory>
#include <random>
#include <vector>

#include "on_every_backend.hpp"
#include "runtime/sync.hpp"

using namespace spindle::runtime;
using namespace spindle::test;
using namespace std::chrono_literals;

namespace {

struct World {
    Mutex mutex;
    ConditionVariable changed;
    std::int64_t guarded = 0;
    std::atomic<std::int64_t> additions{0};

    Channel<std::unique_ptr<int>> channel{4};
    std::atomic<std::int64_t> sent{0};
    std::atomic<std::int64_t> received{0};

    Semaphore places{3};
    std::atomic<int> inside{0};
    WaitGroup flows;
};

/// Some deadline from none to one that comes at any point of a wait.
std::chrono::nanoseconds some_timeout(std::minstd_rand& random) {
    constexpr std::array kTimeouts{0ns, 1ns, std::chrono::nanoseconds(300us), std::chrono::nanoseconds(2ms)};
    return kTimeouts[random() % kTimeouts.size()];
}

task<void> lock_something(World& world, std::minstd_rand& random) {
    auto guard = co_await world.mutex.lock(some_timeout(random));
    if (!guard) co_return;
    if (random() % 4 == 0) {
        task<Result<void>> waiting = world.changed.wait(*guard, 1ms);
        const Result<void> woken = co_await waiting;
    }
    const std::int64_t seen = world.guarded;
    if (random() % 8 == 0) co_await yield();
    world.guarded = seen + 1;
    ++world.additions;
    if (random() % 2 == 0) world.changed.notify_one();
    else world.changed.notify_all();
}

task<void> pass_something(World& world, std::minstd_rand& random) {
    if (random() % 2 == 0) {
        const auto number = static_cast<int>(random() % 1000);
        auto item = std::make_unique<int>(number);
        const Result<void> sent = co_await world.channel.send(item, std::max(some_timeout(random), 1ns));
        CHECK((item == nullptr) == sent.has_value());
        if (sent) world.sent += number;
    } else {
        const auto item = co_await world.channel.receive(std::max(some_timeout(random), 1ns));
        if (item) world.received += **item;
    }
}

task<void> take_a_place(World& world, std::minstd_rand& random) {
    const Result<void> taken = co_await world.places.acquire(some_timeout(random));
    if (!taken) co_return;
    CHECK(++world.inside <= 3);
    if (random() % 2 == 0) co_await yield();
    --world.inside;
    world.places.release();
}

task<void> do_something(World& world, std::minstd_rand& random) {
    switch (random() % 5) {
        case 0: {
            task<void> action = lock_something(world, random);
            co_await action;
            break;
        }
        case 1: {
            task<void> action = pass_something(world, random);
            co_await action;
            break;
        }
        case 2: {
            task<void> action = take_a_place(world, random);
            co_await action;
            break;
        }
        case 3: {
            const Result<void> slept = co_await sleep_for(std::chrono::microseconds(random() % 2000));
            break;
        }
        default: co_await yield();
    }
}

/// Cancels the scope of a flow that stands in it, at a random moment.
task<void> cancel_soon(std::shared_ptr<std::atomic<Scope*>> target, std::minstd_rand random) {
    for (unsigned i = random() % 20; i > 0; --i) co_await yield();
    if (Scope* scope = target->exchange(nullptr)) {
        scope->cancel();
        target->store(scope);
    } else {
        target->store(nullptr);
    }
}

task<void> wander(World& world, unsigned seed, int steps) {
    std::minstd_rand random(seed);
    for (int i = 0; i < steps; ++i) {
        Scope scope;
        if (random() % 3 == 0) scope.set_deadline(in(std::chrono::microseconds(random() % 3000)));
        task<void> action = do_something(world, random);
        co_await action;
    }
    world.flows.done();
}

// All flows have ended.
void check_nothing_lost(World& world) {
    CHECK(world.guarded == world.additions);
    while (true) {
        const auto item = world.channel.try_receive();
        if (!item) break;
        world.received += **item;
    }
    CHECK(world.sent == world.received);
    CHECK(world.inside == 0);
}

}  // namespace

TEST_CASE("many flows use every primitive at once across processors") {
    const unsigned seed = std::random_device{}();
    CAPTURE(seed);
    on_every_backend([seed](Run&) -> task<void> {
        World world;
        constexpr int kFlows = 200 / kThrift;
        world.flows.add(kFlows);
        for (unsigned i = 0; i < kFlows; ++i) {
            if (i % 2 == 0) spawn(wander(world, seed + i, 30));
            else spawn_light(wander(world, seed + i, 30));
        }
        const Result<void> ended = co_await world.flows.wait();
        REQUIRE(ended.has_value());
        check_nothing_lost(world);
        for (int i = 0; i < 3; ++i) CHECK(world.places.try_acquire());
    });
}

TEST_CASE("flows cancelled by others at any moment lose nothing and hang nowhere") {
    const unsigned seed = std::random_device{}();
    CAPTURE(seed);
    on_every_backend([seed](Run&) -> task<void> {
        World world;
        constexpr int kFlows = 100 / kThrift;
        const auto cancelled_flow = [&](unsigned number) -> task<void> {
            std::minstd_rand random(seed + number);
            for (int i = 0; i < 10; ++i) {
                // The canceller takes the pointer out, cancels, puts it back: the scope waits for that before it ends.
                auto target = std::make_shared<std::atomic<Scope*>>(nullptr);
                Scope scope;
                *target = &scope;
                spawn(cancel_soon(target, random));
                while (true) {
                    task<void> action = do_something(world, random);
                    co_await action;
                    if (scope.ended() != 0) break;
                }
                Scope* mine = nullptr;
                while ((mine = target->exchange(nullptr)) == nullptr) co_await yield();
            }
            world.flows.done();
        };
        world.flows.add(kFlows);
        for (unsigned i = 0; i < kFlows; ++i) spawn(cancelled_flow(i));
        const Result<void> ended = co_await world.flows.wait();
        REQUIRE(ended.has_value());
        check_nothing_lost(world);
    });
}
