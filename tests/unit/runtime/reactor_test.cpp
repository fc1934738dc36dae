// SPDX-License-Identifier: Apache-2.0
#include "runtime/reactor/reactor.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
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

struct Nop : Operation {
    bool ran = false;

    void file(Reactor& reactor) {
        on_complete = [](Operation& operation, std::int32_t, std::uint32_t) {
            static_cast<Nop&>(operation).ran = true;
        };
        reactor.file(*this, [](io_uring_sqe* sqe) { io_uring_prep_nop(sqe); });
    }
};

/// A socket that waits in a reactor's Readiness to be read, and its peer.
class Client : Wait {
  public:
    explicit Client(Reactor& reactor) : reactor_(reactor) {
        on_complete = [](Operation& operation, std::int32_t, std::uint32_t) {
            auto& self = static_cast<Client&>(static_cast<Wait&>(operation));
            ++self.came;
            if (self.scheduled()) self.unlink();
        };
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()) == 0);
        const auto entered = reactor_.readiness()->enter(ends_[0], true);
        REQUIRE(entered);
        place_ = *entered;
    }
    ~Client() {
        for (const int end : ends_) ::close(end);
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void await(std::chrono::nanoseconds timeout) {
        Readiness::await(*place_, *this);
        reactor_.start_timer(*this, timeout);
        fire = [](Timer& timer, Fired) { static_cast<Client&>(static_cast<Wait&>(timer)).late = true; };
    }
    /// Though nothing was received: there is another event in the next look.
    void await_again() {
        Readiness::await(*place_, *this);
        reactor_.readiness()->ask_again(*place_, ends_[0]);
    }
    void stop_waiting() {
        if (scheduled()) unlink();
        Readiness::stop_waiting(*place_);
    }
    void send() const { REQUIRE(::send(ends_[1], "x", 1, 0) == 1); }

    int came = 0;
    bool late = false;

  private:
    Reactor& reactor_;
    std::array<int, 2> ends_{};
    Readiness::Place* place_ = nullptr;
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

// The same of sockets, of which one look sees a few only, and with completions that come meanwhile.
TEST_CASE("What clients sent during a freeze goes before the timers that became due in it") {
    auto reactor = Reactor::create({.sharing = Sharing::migrating, .entries = 1024, .buffers = 8});
    REQUIRE(reactor);
    (*reactor)->poll(Reactor::Block::no);
    std::deque<Client> clients;
    for (unsigned i = 0; i < 3 * Readiness::kEventsMax; ++i) clients.emplace_back(**reactor).await(50ms);
    for (const Client& client : clients) client.send();
    std::this_thread::sleep_for(100ms);
    (*reactor)->poll(Reactor::Block::no);
    std::vector<Nop> nops(200);
    for (Nop& nop : nops) nop.file(**reactor);
    const auto came = [](const Client& client) { return client.came > 0; };
    while (!std::ranges::all_of(clients, came)) (*reactor)->poll(Reactor::Block::until_event, 100);
    CHECK(std::ranges::none_of(clients, &Client::late));
    Alarm alarm;
    alarm.start(**reactor, 1ms);
    while (!alarm.rang) (*reactor)->poll(Reactor::Block::until_event);
    (*reactor)->shut_down();
}

TEST_CASE("Timers are not late because more sockets can be read, all the time, than one look sees, and many are idle") {
    auto reactor = Reactor::create({.sharing = Sharing::migrating, .entries = 64, .buffers = 8});
    REQUIRE(reactor);
    std::deque<Client> busy;
    std::deque<Client> idle;
    for (unsigned i = 0; i < 100; ++i) busy.emplace_back(**reactor).send();
    for (unsigned i = 0; i < 1000; ++i) idle.emplace_back(**reactor).await(0s);
    Alarm alarm;
    alarm.start(**reactor, 5ms);
    unsigned polls_late = 0;
    while (!alarm.rang) {
        for (Client& client : busy) client.await_again();
        (*reactor)->poll(Reactor::Block::until_event);
        if ((*reactor)->has_due_timer((*reactor)->now())) ++polls_late;
    }
    CHECK(polls_late <= 5);
    for (Client& client : idle) client.stop_waiting();
    (*reactor)->shut_down();
}

TEST_CASE("Completions and sockets that can be read do not keep each other waiting") {
    auto reactor = Reactor::create({.sharing = Sharing::migrating, .entries = 1024, .buffers = 8});
    REQUIRE(reactor);
    std::deque<Client> clients;
    for (unsigned i = 0; i < 20; ++i) clients.emplace_back(**reactor).await(0s);
    for (const Client& client : clients) client.send();
    std::vector<Nop> nops(200);
    for (Nop& nop : nops) nop.file(**reactor);
    (*reactor)->poll(Reactor::Block::no, 20);
    CHECK(std::ranges::count_if(clients, [](const Client& client) { return client.came > 0; }) == 10);
    CHECK(std::ranges::count_if(nops, [](const Nop& nop) { return nop.ran; }) == 10);
    while ((*reactor)->in_flight() > 0) (*reactor)->poll(Reactor::Block::until_event, 20);
    for (Client& client : clients) client.stop_waiting();
    (*reactor)->shut_down();
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
