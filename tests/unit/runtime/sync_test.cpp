// SPDX-License-Identifier: Apache-2.0
#include "runtime/sync.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "on_every_backend.hpp"

using namespace spindle::runtime;
using namespace spindle::test;
using namespace std::chrono_literals;

namespace {

task<void> add_under(Mutex& mutex, int& sum, int times, WaitGroup& group) {
    for (int i = 0; i < times; ++i) {
        auto guard = co_await mutex.lock();
        if (!guard) break;
        const int seen = sum;
        if (i % 3 == 0) co_await yield();  // held across a wait
        sum = seen + 1;
    }
    group.done();
}

task<void> lock_and_note(Mutex& mutex, std::vector<int>& order, int what, std::atomic<int>& queued, WaitGroup& group) {
    ++queued;
    {
        auto guard = co_await mutex.lock();
        order.push_back(what);
    }
    group.done();
}

task<void> unlock_after(Mutex::Guard guard, std::chrono::nanoseconds duration) {
    const Result<void> slept = co_await sleep_for(duration);
    CHECK(slept.has_value());
    guard.unlock();
}

task<void> send_numbers(Channel<int>& channel, int from, int count, WaitGroup& group) {
    for (int i = 0; i < count; ++i) {
        int number = from + i;
        const Result<void> sent = co_await channel.send(number);
        CHECK(sent.has_value());
    }
    group.done();
}

task<void> sum_up(Channel<int>& channel, std::atomic<std::int64_t>& sum, WaitGroup& group) {
    while (true) {
        const Result<int> item = co_await channel.receive();
        if (!item) {
            CHECK(item.error().code == EPIPE);
            break;
        }
        sum += *item;
    }
    group.done();
}

}  // namespace

TEST_CASE("a mutex lets one flow in at a time, also across waits") {
    on_every_backend([](Run&) -> task<void> {
        Mutex mutex;
        WaitGroup group;
        int sum = 0;
        constexpr int kTimes = 50 / kThrift;
        group.add(20);
        for (int i = 0; i < 20; ++i) spawn(add_under(mutex, sum, kTimes, group));
        const Result<void> ended = co_await group.wait();
        CHECK(ended.has_value());
        CHECK(sum == 20 * kTimes);
    });
}

TEST_CASE("a mutex is handed over in the order of arrival") {
    for (const BackendVariant& variant : kBackendVariants) {
        // On one worker a light flow that has begun has also queued before anybody else can spawn.
        if (variant.processors > 1) continue;
        on_backend(variant, [](Run&) -> task<void> {
            Mutex mutex;
            WaitGroup group;
            std::vector<int> order;
            std::atomic<int> queued{0};
            group.add(5);
            {
                auto guard = co_await mutex.lock();
                for (int i = 0; i < 5; ++i) {
                    spawn_light(lock_and_note(mutex, order, i, queued, group));
                    while (queued <= i) co_await yield();
                }
            }
            const Result<void> ended = co_await group.wait();
            CHECK(ended.has_value());
            CHECK(order == std::vector{0, 1, 2, 3, 4});
        });
    }
}

TEST_CASE("try_lock fails while the mutex is held") {
    on_every_backend([](Run&) -> task<void> {
        Mutex mutex;
        {
            auto guard = mutex.try_lock();
            CHECK(guard.has_value());
            CHECK(!mutex.try_lock().has_value());
        }
        CHECK(mutex.try_lock().has_value());
        co_return;
    });
}

TEST_CASE("waiting for a mutex ends at its time limit and leaves the queue") {
    on_every_backend([](Run&) -> task<void> {
        Mutex mutex;
        auto held = co_await mutex.lock();
        auto late = co_await mutex.lock(5ms);
        REQUIRE(!late);
        CHECK(late.error().code == ETIMEDOUT);
        spawn(unlock_after(std::move(*held), 5ms));
        auto mine = co_await mutex.lock(10s);
        CHECK(mine.has_value());
    });
}

TEST_CASE("a condition variable wakes one or all, with the mutex held") {
    on_every_backend([](Run&) -> task<void> {
        struct {
            Mutex mutex;
            ConditionVariable changed;
            int tickets = 0;
            int served = 0;
        } shared;
        WaitGroup group;
        const auto serve = [&]() -> task<void> {
            {
                auto guard = co_await shared.mutex.lock();
                task<Result<void>> waiting = shared.changed.wait_until(*guard, [&] { return shared.tickets > 0; }, 10s);
                const Result<void> woken = co_await waiting;
                CHECK(woken.has_value());
                --shared.tickets;
                ++shared.served;
            }
            group.done();
        };
        group.add(10);
        for (int i = 0; i < 10; ++i) spawn(serve());
        for (int i = 0; i < 5; ++i) {
            co_await yield();
            auto guard = co_await shared.mutex.lock();
            ++shared.tickets;
            shared.changed.notify_one();
        }
        {
            auto guard = co_await shared.mutex.lock();
            shared.tickets += 5;
            shared.changed.notify_all();
        }
        const Result<void> ended = co_await group.wait();
        CHECK(ended.has_value());
        CHECK(shared.tickets == 0);
        CHECK(shared.served == 10);
    });
}

TEST_CASE("a condition variable's wait that times out holds the mutex again") {
    on_every_backend([](Run&) -> task<void> {
        Mutex mutex;
        ConditionVariable never;
        auto guard = co_await mutex.lock();
        task<Result<void>> waiting = never.wait(*guard, 3ms);
        const Result<void> woken = co_await waiting;
        CHECK(woken.error().code == ETIMEDOUT);
        CHECK(!mutex.try_lock().has_value());
        guard->unlock();
        CHECK(mutex.try_lock().has_value());
    });
}

TEST_CASE("a channel gives every item once, in order from each sender") {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{1}, std::size_t{7}}) {
        CAPTURE(capacity);
        on_every_backend([capacity](Run&) -> task<void> {
            Channel<int> channel(capacity);
            WaitGroup group;
            group.add(1);
            constexpr int kItems = 200 / kThrift;
            spawn(send_numbers(channel, 0, kItems, group));
            for (int i = 0; i < kItems; ++i) {
                const Result<int> item = co_await channel.receive();
                REQUIRE(item.has_value());
                CHECK(*item == i);
            }
            const Result<void> ended = co_await group.wait();
            CHECK(ended.has_value());
        });
    }
}

TEST_CASE("many senders and receivers share a channel until it is closed") {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{3}}) {
        on_every_backend([capacity](Run&) -> task<void> {
            Channel<int> channel(capacity);
            WaitGroup senders;
            WaitGroup receivers;
            std::atomic<std::int64_t> sum{0};
            constexpr int kEach = 100 / kThrift;
            senders.add(8);
            receivers.add(8);
            for (int i = 0; i < 8; ++i) spawn(sum_up(channel, sum, receivers));
            for (int i = 0; i < 8; ++i) spawn(send_numbers(channel, i * kEach, kEach, senders));
            const Result<void> sent = co_await senders.wait();
            channel.close();
            const Result<void> received = co_await receivers.wait();
            CHECK(sent.has_value());
            CHECK(received.has_value());
            CHECK(sum == 8 * kEach * (8 * kEach - 1) / 2);
        });
    }
}

TEST_CASE("a closed channel gives what it holds and then says so") {
    on_every_backend([](Run&) -> task<void> {
        Channel<std::string> channel(2);
        std::string item = "kept";
        CHECK(channel.try_send(item).has_value());
        channel.close();
        item = "refused";
        const Result<void> sent = co_await channel.send(item);
        CHECK(sent.error().code == EPIPE);
        CHECK(item == "refused");
        const Result<std::string> first = co_await channel.receive();
        CHECK(first.value() == "kept");
        const Result<std::string> second = co_await channel.receive();
        CHECK(second.error().code == EPIPE);
    });
}

TEST_CASE("closing wakes a sender that waits, and its item stays its own") {
    on_every_backend([](Run&) -> task<void> {
        Channel<std::unique_ptr<int>> channel(0);
        WaitGroup group;
        group.add(1);
        const auto sender = [&]() -> task<void> {
            auto item = std::make_unique<int>(42);
            const Result<void> sent = co_await channel.send(item);
            CHECK(sent.error().code == EPIPE);
            CHECK((item != nullptr && *item == 42));
            group.done();
        };
        spawn(sender());
        const Result<void> slept = co_await sleep_for(3ms);
        CHECK(slept.has_value());
        channel.close();
        const Result<void> ended = co_await group.wait();
        CHECK(ended.has_value());
    });
}

TEST_CASE("channel waits end at their time limit, and nothing is lost") {
    on_every_backend([](Run&) -> task<void> {
        Channel<int> channel(1);
        const Result<int> nothing = co_await channel.receive(3ms);
        CHECK(nothing.error().code == ETIMEDOUT);
        int first = 1;
        int second = 2;
        CHECK(channel.try_send(first).has_value());
        CHECK(channel.try_send(second).error().code == EAGAIN);
        const Result<void> late = co_await channel.send(second, 3ms);
        CHECK(late.error().code == ETIMEDOUT);
        CHECK(channel.try_receive().value() == 1);
        CHECK(channel.try_receive().error().code == EAGAIN);
    });
}

TEST_CASE("a wait group without anything to wait for is ready") {
    on_every_backend([](Run&) -> task<void> {
        WaitGroup group;
        const Result<void> at_once = co_await group.wait();
        CHECK(at_once.has_value());
        group.add(2);
        group.done();
        const Result<void> late = co_await group.wait(3ms);
        CHECK(late.error().code == ETIMEDOUT);
        group.done();
        const Result<void> ended = co_await group.wait();
        CHECK(ended.has_value());
    });
}

TEST_CASE("a semaphore bounds how many are inside") {
    on_every_backend([](Run&) -> task<void> {
        Semaphore places(3);
        WaitGroup group;
        std::atomic<int> inside{0};
        std::atomic<int> most{0};
        const auto visit = [&]() -> task<void> {
            const Result<void> taken = co_await places.acquire();
            CHECK(taken.has_value());
            const int now = ++inside;
            int seen = most.load();
            while (seen < now && !most.compare_exchange_weak(seen, now)) {
            }
            for (int i = 0; i < 5; ++i) co_await yield();
            --inside;
            places.release();
            group.done();
        };
        group.add(30);
        for (int i = 0; i < 30; ++i) spawn(visit());
        const Result<void> ended = co_await group.wait();
        CHECK(ended.has_value());
        CHECK(most <= 3);
        CHECK(places.try_acquire());
        CHECK(places.try_acquire());
        CHECK(places.try_acquire());
        CHECK(!places.try_acquire());
        const Result<void> late = co_await places.acquire(2ms);
        CHECK(late.error().code == ETIMEDOUT);
    });
}

TEST_CASE("a blocking job may notify") {
    on_every_backend([](Run&) -> task<void> {
        WaitGroup group;
        Channel<int> channel(0);
        group.add(1);
        const auto receiver = [&]() -> task<void> {
            const Result<int> item = co_await channel.receive();
            CHECK(item.value() == 7);
            group.done();
        };
        spawn(receiver());
        const auto job = [&] {
            int item = 7;
            while (code_of(channel.try_send(item)) == EAGAIN) {
            }
        };
        const Result<void> ran = co_await blocking(job);
        CHECK(ran.has_value());
        const Result<void> ended = co_await group.wait();
        CHECK(ended.has_value());
    });
}

TEST_CASE("the drain deadline cancels every kind of wait") {
    for (const BackendVariant& variant : kBackendVariants) {
        struct {
            Mutex mutex;
            Mutex held;
            ConditionVariable never;
            Channel<int> empty{1};
            Channel<int> full{0};
            Semaphore none{0};
            WaitGroup group;
            std::atomic<int> cancelled{0};
        } shared;
        shared.group.add();
        auto holds = shared.held.try_lock();
        const auto count = [&](int code) { shared.cancelled += code == ECANCELED ? 1 : 0; };
        const auto wait_for_lock = [&]() -> task<void> {
            auto guard = co_await shared.held.lock();
            count(code_of(guard));
        };
        const auto wait_for_condition = [&]() -> task<void> {
            auto guard = co_await shared.mutex.lock();
            if (!guard) co_return count(guard.error().code);
            task<Result<void>> waiting = shared.never.wait(*guard);
            const Result<void> woken = co_await waiting;
            count(code_of(woken));
        };
        const auto wait_for_item = [&]() -> task<void> {
            const Result<int> item = co_await shared.empty.receive();
            count(code_of(item));
        };
        const auto wait_for_room = [&]() -> task<void> {
            int item = 1;
            const Result<void> sent = co_await shared.full.send(item, 1h);
            count(code_of(sent));
        };
        const auto wait_for_place = [&]() -> task<void> {
            const Result<void> taken = co_await shared.none.acquire();
            count(code_of(taken));
        };
        const auto wait_for_group = [&]() -> task<void> {
            const Result<void> ended = co_await shared.group.wait();
            count(code_of(ended));
        };
        const auto main = [&](Run&) -> task<void> {
            for (int i = 0; i < 3; ++i) {
                spawn(wait_for_lock());
                spawn(wait_for_condition());
                spawn_light(wait_for_item());
                spawn(wait_for_room());
                spawn_light(wait_for_place());
                spawn(wait_for_group());
            }
            co_return;
        };
        on_backend(variant, main, kShortDrain);
        CHECK(shared.cancelled == 18);
        holds.reset();
    }
}
