// SPDX-License-Identifier: Apache-2.0
#include "runtime/scope.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>

#include "on_every_backend.hpp"
#include "runtime/socket.hpp"
#include "runtime/sync.hpp"

using namespace spindle::runtime;
using namespace spindle::test;
using namespace std::chrono_literals;

TEST_CASE("a scope's deadline ends a sleep that lasts longer, and only that") {
    on_every_backend([](Run&) -> task<void> {
        {
            Scope scope;
            scope.set_deadline(in(3ms));
            const Result<void> slept = co_await sleep_for(1h);
            CHECK(code_of(slept) == ETIMEDOUT);
            CHECK(scope.ended() == ETIMEDOUT);
            const Result<void> again = co_await sleep_for(1ms);
            CHECK(code_of(again) == ETIMEDOUT);
        }
        Scope scope;
        scope.set_deadline(in(1h));
        const Result<void> slept = co_await sleep_for(1ms);
        CHECK(slept.has_value());
        CHECK(scope.ended() == 0);
    });
}

TEST_CASE("a scope's deadline ends waits for other flows") {
    on_every_backend([](Run&) -> task<void> {
        Channel<int> channel(1);
        Scope scope;
        scope.set_deadline(in(3ms));
        const Result<int> item = co_await channel.receive();
        CHECK(item.error().code == ETIMEDOUT);
        int one = 1;
        const Result<void> sent = co_await channel.send(one);
        CHECK(sent.has_value());  // what needs no waiting succeeds
        const Result<void> full = co_await channel.send(one, 1h);
        CHECK(code_of(full) == ETIMEDOUT);
    });
}

TEST_CASE("scopes nest: the inner one ends with the outer, not the other way round") {
    on_every_backend([](Run&) -> task<void> {
        Scope outer;
        outer.set_deadline(in(1h));
        {
            Scope inner;
            inner.set_deadline(in(2ms));
            const Result<void> slept = co_await sleep_for(1h);
            CHECK(code_of(slept) == ETIMEDOUT);
        }
        CHECK(outer.ended() == 0);
        const Result<void> slept = co_await sleep_for(1ms);
        CHECK(slept.has_value());
        outer.set_deadline(in(2ms));
        Scope inner;
        inner.set_deadline(in(1h));
        const Result<void> late = co_await sleep_for(1h);
        CHECK(code_of(late) == ETIMEDOUT);
        CHECK(inner.ended() == ETIMEDOUT);
    });
}

TEST_CASE("work declared blocking does not begin in a scope that has ended") {
    on_every_backend([](Run&) -> task<void> {
        Scope scope;
        scope.cancel();
        bool ran = false;
        const auto job = [&] { ran = true; };
        const Result<void> result = co_await blocking(job);
        CHECK(code_of(result) == ECANCELED);
        CHECK(!ran);
    });
}

TEST_CASE("cancelling a scope from another flow ends its wait, whatever it waits for") {
    on_every_backend([](Run&) -> task<void> {
        std::array<int, 2> pair{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()) == 0);
        Channel<int> channel(0);
        for (int kind = 0; kind < 4; ++kind) {
            std::atomic<Scope*> reached{nullptr};
            WaitGroup group;
            group.add();
            Socket socket(kind == 3 ? ::dup(pair[0]) : -1);
            const auto waiter = [&]() -> task<void> {
                int code = 0;
                {
                    Scope scope;
                    reached = &scope;
                    if (kind == 0) {
                        const Result<void> slept = co_await sleep_for(1h);
                        code = code_of(slept);
                    } else if (kind == 1) {
                        const Result<int> item = co_await channel.receive();
                        code = code_of(item);
                    } else if (kind == 2) {
                        Mutex mutex;
                        ConditionVariable never;
                        auto guard = co_await mutex.lock();
                        task<Result<void>> waiting = never.wait(*guard);
                        const Result<void> woken = co_await waiting;
                        code = code_of(woken);
                    } else {
                        const Result<Received> received = co_await socket.receive({});
                        code = code_of(received);
                    }
                    const Result<void> later = co_await sleep_for(1h);
                    CHECK(code_of(later) == ECANCELED);
                    while (reached != nullptr) co_await yield();  // the canceller is still with it
                }
                CHECK(code == ECANCELED);
                if (kind == 3) co_await socket.close();
                group.done();
            };
            spawn(waiter());
            while (reached == nullptr) co_await yield();
            for (int i = 0; i < 5; ++i) co_await yield();
            reached.load()->cancel();
            reached = nullptr;
            const Result<void> ended = co_await group.wait();
            CHECK(ended.has_value());
        }
        ::close(pair[0]);
        ::close(pair[1]);
    });
}

TEST_CASE("who cancels another flow's wait goes on first, and stays in its own scope") {
    on_every_backend([](Run& run) -> task<void> {
        std::atomic<Scope*> reached{nullptr};
        std::atomic<bool> woken{false};
        std::atomic<bool> released{false};
        WaitGroup group;
        group.add();
        const auto sleeper = [&]() -> task<void> {
            {
                Scope scope;
                reached = &scope;
                const Result<void> slept = co_await sleep_for(1h);
                CHECK(code_of(slept) == ECANCELED);
                woken = true;
                while (!released) co_await yield();  // the canceller is still with it
            }
            group.done();
        };
        spawn(sleeper());
        while (reached == nullptr) co_await yield();
        {
            Scope mine;
            mine.set_deadline(in(2ms));
            reached.load()->cancel();
            if (!run.variant.fiber()) CHECK(!woken);
            const Result<void> slept = co_await sleep_for(50ms);
            CHECK(code_of(slept) == ETIMEDOUT);
        }
        released = true;
        const Result<void> ended = co_await group.wait();
        CHECK(ended.has_value());
    });
}

TEST_CASE("cancelling races with the wait's own end, and one of them wins") {
    on_every_backend([](Run&) -> task<void> {
        for (int round = 0; round < 100 / kThrift; ++round) {
            Channel<int> channel(0);
            std::atomic<Scope*> reached{nullptr};
            std::atomic<bool> done{false};
            WaitGroup group;
            group.add(2);
            std::atomic<int> got{0};
            const auto waiter = [&]() -> task<void> {
                {
                    Scope scope;
                    reached = &scope;
                    const Result<int> item = co_await channel.receive();
                    got = item ? *item : -item.error().code;
                    while (!done) co_await yield();
                }
                group.done();
            };
            const auto canceller = [&]() -> task<void> {
                while (reached == nullptr) co_await yield();
                if (round % 2 == 0) co_await yield();
                reached.load()->cancel();
                done = true;
                group.done();
            };
            spawn(waiter());
            spawn(canceller());
            int one = 1;
            const Result<void> sent = co_await channel.send(one, 20ms);
            const Result<void> ended = co_await group.wait();
            CHECK(ended.has_value());
            CHECK(got == (sent.has_value() ? 1 : -ECANCELED));
        }
    });
}
