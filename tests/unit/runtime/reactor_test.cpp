// SPDX-License-Identifier: Apache-2.0
#include "runtime/reactor/reactor.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace spindle::runtime;
using namespace std::chrono_literals;

namespace {

struct Alarm : Wait {
    bool rang = false;

    void start(Reactor& reactor, std::chrono::nanoseconds after) {
        reactor.start_timer(*this, after);
        fire = [](Timer& timer, Fired) { static_cast<Alarm&>(timer).rang = true; };
    }
};

/// Whether the first of two timers rang alone after a callback that ended between the two.
bool rings_before_the_next() {
    auto reactor = Reactor::create({.entries = 64, .buffers = 8});
    REQUIRE(reactor);
    (*reactor)->poll(Reactor::Block::no);
    Alarm first;
    Alarm second;
    first.start(**reactor, 200ms);
    second.start(**reactor, 390ms);
    std::this_thread::sleep_for(205ms);  // the callback
    while (!first.rang) (*reactor)->poll(Reactor::Block::until_event);
    const bool alone = !second.rang;
    while (!second.rang) (*reactor)->poll(Reactor::Block::until_event);
    (*reactor)->shut_down();
    return alone;
}

}  // namespace

// More of them than a poll runs, each with a timer that was due while nobody looked.
TEST_CASE("What came during a freeze goes before the timers that became due in it") {
    struct Arrival : Wait {
        bool came = false;
        bool late = false;
    };
    auto reactor = Reactor::create({.entries = 1024, .buffers = 8});
    REQUIRE(reactor);
    (*reactor)->poll(Reactor::Block::no);
    std::vector<Arrival> arrivals(3 * Reactor::kCompletionsMax);
    for (Arrival& arrival : arrivals) {
        arrival.on_complete = [](Operation& operation, std::int32_t, std::uint32_t) {
            auto& self = static_cast<Arrival&>(static_cast<Wait&>(operation));
            self.came = true;
            if (self.scheduled()) self.unlink();
        };
        (*reactor)->start_timer(arrival, 50ms);
        arrival.fire = [](Timer& timer, Fired) { static_cast<Arrival&>(static_cast<Wait&>(timer)).late = true; };
        (*reactor)->file(arrival, [](io_uring_sqe* sqe) { io_uring_prep_nop(sqe); });
    }
    std::this_thread::sleep_for(100ms);
    while (!std::ranges::all_of(arrivals, &Arrival::came)) (*reactor)->poll(Reactor::Block::until_event);
    CHECK(std::ranges::none_of(arrivals, &Arrival::late));
    Alarm alarm;
    alarm.start(**reactor, 1ms);
    while (!alarm.rang) (*reactor)->poll(Reactor::Block::until_event);
    (*reactor)->shut_down();
}

// The same of sockets, of which one look sees a few only.
TEST_CASE("What clients sent during a freeze goes before the timers that became due in it") {
    struct Client : Wait {
        std::array<int, 2> ends{};
        Readiness::Place* place = nullptr;
        bool came = false;
        bool late = false;
    };
    auto reactor = Reactor::create({.sharing = Sharing::migrating, .entries = 64, .buffers = 8});
    REQUIRE(reactor);
    (*reactor)->poll(Reactor::Block::no);
    std::vector<Client> clients(3 * Readiness::kEventsMax);
    for (Client& client : clients) {
        client.on_complete = [](Operation& operation, std::int32_t, std::uint32_t) {
            auto& self = static_cast<Client&>(static_cast<Wait&>(operation));
            self.came = true;
            if (self.scheduled()) self.unlink();
        };
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, client.ends.data()) == 0);
        const auto entered = (*reactor)->readiness()->enter(client.ends[0]);
        REQUIRE(entered);
        client.place = *entered;
        Readiness::await(*client.place, client);
        (*reactor)->start_timer(client, 50ms);
        client.fire = [](Timer& timer, Fired) { static_cast<Client&>(static_cast<Wait&>(timer)).late = true; };
    }
    for (const Client& client : clients) REQUIRE(::send(client.ends[1], "x", 1, 0) == 1);
    std::this_thread::sleep_for(100ms);
    while (!std::ranges::all_of(clients, &Client::came)) (*reactor)->poll(Reactor::Block::until_event);
    CHECK(std::ranges::none_of(clients, &Client::late));
    Alarm alarm;
    alarm.start(**reactor, 1ms);
    while (!alarm.rang) (*reactor)->poll(Reactor::Block::until_event);
    (*reactor)->shut_down();
    for (const Client& client : clients)
        for (const int end : client.ends) ::close(end);
}

TEST_CASE("A wake-up ends a poll that waits, before it began or within it, in either kind of reactor") {
    for (const Sharing sharing : {Sharing::one_thread, Sharing::migrating}) {
        auto reactor = Reactor::create({.sharing = sharing, .entries = 64, .buffers = 8});
        REQUIRE(reactor);
        for (int i = 0; i < 3; ++i) {
            (*reactor)->wake();
            (*reactor)->poll(Reactor::Block::until_event);
        }
        const auto began = std::chrono::steady_clock::now();
        std::thread other([&] {
            std::this_thread::sleep_for(20ms);
            (*reactor)->wake();
        });
        while (std::chrono::steady_clock::now() - began < 20ms) (*reactor)->poll(Reactor::Block::until_event);
        other.join();
        (*reactor)->shut_down();
    }
}

TEST_CASE("A time-out that begins at the end of a long callback has its whole time") {
    auto reactor = Reactor::create({.entries = 64, .buffers = 8});
    REQUIRE(reactor);
    (*reactor)->poll(Reactor::Block::no);
    std::this_thread::sleep_for(60ms);  // the callback
    const auto began = std::chrono::steady_clock::now();
    Alarm alarm;
    alarm.start(**reactor, 50ms);
    while (!alarm.rang) (*reactor)->poll(Reactor::Block::until_event);
    CHECK(std::chrono::steady_clock::now() - began >= 49ms);
    (*reactor)->shut_down();
}

TEST_CASE("A time-out that begins before the first poll ends") {
    auto reactor = Reactor::create({.entries = 64, .buffers = 8});
    REQUIRE(reactor);
    Alarm alarm;
    alarm.start(**reactor, 5ms);
    std::this_thread::sleep_for(20ms);
    (*reactor)->poll(Reactor::Block::no);
    CHECK(alarm.rang);
    (*reactor)->shut_down();
}

// If the callback's time were waited for once more, the first would ring after 405 ms, and both together. A machine
// that stops for as long by itself gets another chance.
TEST_CASE("A timer that became due during a long callback does not wait for as long again") {
    bool alone = false;
    for (int attempt = 0; attempt < 5 && !alone; ++attempt) alone = rings_before_the_next();
    CHECK(alone);
}
