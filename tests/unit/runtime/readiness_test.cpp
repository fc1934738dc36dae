// SPDX-License-Identifier: Apache-2.0
#include "runtime/reactor/readiness.hpp"

#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <ranges>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

using namespace spindle::runtime;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::nanoseconds kNotAtAll{0};

/// A ring, an eventfd, and a Readiness that waits for both.
struct Surroundings {
    Surroundings() {
        REQUIRE(io_uring_queue_init(8, &ring, 0) == 0);
        REQUIRE(wake >= 0);
        REQUIRE(readiness.open(ring.ring_fd, wake));
    }
    ~Surroundings() {
        ::close(wake);
        io_uring_queue_exit(&ring);
    }
    Surroundings(const Surroundings&) = delete;
    Surroundings& operator=(const Surroundings&) = delete;

    void write_to_wake() const {
        const std::uint64_t one = 1;
        REQUIRE(::write(wake, &one, sizeof one) == sizeof one);
    }
    /// Looks, and tells of all.
    unsigned tell_all() {
        readiness.look(kNotAtAll);
        return readiness.tell(Readiness::kEventsMax);
    }

    io_uring ring{};
    int wake = ::eventfd(0, EFD_CLOEXEC);
    Readiness readiness;
};

/// A socket that stands in a Readiness, and its peer.
struct Reader : Operation {
    explicit Reader(Readiness& where) {
        on_complete = [](Operation& operation, std::int32_t, std::uint32_t) { ++static_cast<Reader&>(operation).told; };
        connect();
        enter(where);
    }
    ~Reader() {
        for (const int end : ends) ::close(end);
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    // By TCP: unix sockets are always worth a try.
    void connect() {
        const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* const where = reinterpret_cast<sockaddr*>(&address);
        socklen_t size = sizeof address;
        REQUIRE(::bind(listener, where, size) == 0);
        REQUIRE(::listen(listener, 1) == 0);
        REQUIRE(::getsockname(listener, where, &size) == 0);
        ends[1] = ::socket(AF_INET, SOCK_STREAM, 0);
        REQUIRE(::connect(ends[1], where, size) == 0);
        ends[0] = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
        REQUIRE(ends[0] >= 0);
        ::close(listener);
    }
    void enter(Readiness& where) {
        const auto entered = where.enter(ends[0], false);
        REQUIRE(entered);
        place = *entered;
    }
    void await() { Readiness::await(*place, *this); }
    [[nodiscard]] bool ready() const { return Readiness::ready(*place); }
    void send(std::size_t bytes = 1) const {
        const std::string sent(bytes, 'x');
        REQUIRE(::send(ends[1], sent.data(), bytes, 0) == static_cast<ssize_t>(bytes));
    }
    [[nodiscard]] ssize_t receive(std::size_t bytes = 4096) const {
        Readiness::heed(*place);
        std::string received(bytes, '\0');
        return ::recv(ends[0], received.data(), bytes, 0);
    }

    std::array<int, 2> ends{};
    Readiness::Place* place = nullptr;
    int told = 0;
};

}  // namespace

TEST_CASE("Who waits is told once of what its peer sent") {
    Surroundings around;
    Reader reader(around.readiness);
    reader.await();
    CHECK(around.tell_all() == 0);
    reader.send();
    CHECK(around.tell_all() == 1);
    CHECK(reader.told == 1);
    CHECK(around.tell_all() == 0);
}

TEST_CASE("What came before a socket entered is told, too") {
    Surroundings around;
    Surroundings elsewhere;
    Reader reader(elsewhere.readiness);
    reader.send();
    elsewhere.readiness.leave(*reader.place, reader.ends[0]);
    reader.enter(around.readiness);
    reader.await();
    CHECK(around.tell_all() == 1);
    CHECK(reader.told == 1);
    reader.send();
    CHECK(elsewhere.tell_all() == 0);
}

TEST_CASE("What comes while nobody waits makes a socket ready, until it is received") {
    Surroundings around;
    Reader reader(around.readiness);
    reader.send();
    around.tell_all();
    CHECK(reader.told == 0);
    CHECK(reader.ready());
    CHECK(reader.receive() == 1);
    CHECK_FALSE(reader.ready());
}

TEST_CASE("A peer that has sent its last leaves a socket ready for ever, since no edge follows") {
    Surroundings around;
    Reader reader(around.readiness);
    reader.await();
    reader.send();
    ::shutdown(reader.ends[1], SHUT_WR);
    around.tell_all();
    CHECK(reader.told == 1);
    CHECK(reader.receive() == 1);
    CHECK(reader.ready());
    CHECK(reader.receive() == 0);
}

TEST_CASE("Urgent data leaves a socket ready for ever, since a receive stops at its mark") {
    Surroundings around;
    Reader reader(around.readiness);
    reader.await();
    reader.send(5);
    REQUIRE(::send(reader.ends[1], "!", 1, MSG_OOB) == 1);
    reader.send(7);
    around.tell_all();
    CHECK(reader.told == 1);
    CHECK(reader.receive() == 5);
    CHECK(reader.ready());
    CHECK(reader.receive() == 7);
}

TEST_CASE("A socket of which no edge tells all is always ready") {
    Surroundings around;
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
    const auto place = around.readiness.enter(ends[0], true);
    REQUIRE(place);
    CHECK(Readiness::ready(**place));
    Readiness::heed(**place);
    CHECK(Readiness::ready(**place));
    for (const int end : ends) ::close(end);
}

TEST_CASE("Who left bytes asks again, and is told of them behind those who wait already") {
    Surroundings around;
    Reader greedy(around.readiness);
    Reader other(around.readiness);
    greedy.send(100);
    around.tell_all();
    CHECK(greedy.receive(10) == 10);
    other.await();
    other.send();
    greedy.await();
    around.readiness.ask_again(*greedy.place, greedy.ends[0]);
    around.readiness.look(kNotAtAll);
    CHECK(around.readiness.tell(1) == 1);
    CHECK(other.told == 1);
    CHECK(around.readiness.tell(1) == 1);
    CHECK(greedy.told == 1);
}

TEST_CASE("An event for a socket that has just been closed is no more than a false hint for the next one there") {
    Surroundings around;
    std::optional<Reader> closed(std::in_place, around.readiness);
    Readiness::Place* const place = closed->place;
    closed->send();
    around.readiness.look(kNotAtAll);
    around.readiness.leave(*place);
    closed.reset();
    Reader next(around.readiness);
    CHECK(next.place == place);
    CHECK(around.readiness.tell(Readiness::kEventsMax) == 1);
    CHECK(next.ready());
    CHECK(next.receive() == -1);
    CHECK(errno == EAGAIN);
    next.await();
    next.send();
    around.tell_all();
    CHECK(next.told == 1);
}

TEST_CASE(
    "More events than a look sees come in their order, and it is known when all of an earlier time have been told") {
    Surroundings around;
    std::deque<Reader> readers;
    constexpr unsigned kReaders = 2 * Readiness::kEventsMax + 10;
    for (unsigned i = 0; i < kReaders; ++i) readers.emplace_back(around.readiness).await();
    const auto look_at = [&](std::uint64_t now) {
        around.readiness.look(kNotAtAll);
        around.readiness.date(now);
    };
    const auto told_of = [&](std::size_t first, std::size_t count) {
        const auto told = [](const Reader& reader) { return reader.told > 0; };
        return std::ranges::all_of(readers | std::views::drop(first) | std::views::take(count), told);
    };
    look_at(10);
    CHECK(around.readiness.told_until() == 10);
    for (Reader& reader : readers) reader.send();
    look_at(20);
    CHECK(around.readiness.untold() == Readiness::kEventsMax);
    CHECK(around.readiness.tell(10) == 10);
    look_at(30);  // sees nothing new before the others have been told
    CHECK(around.readiness.untold() == Readiness::kEventsMax - 10);
    CHECK(around.readiness.tell(Readiness::kEventsMax) == Readiness::kEventsMax - 10);
    CHECK(told_of(0, Readiness::kEventsMax));
    CHECK(around.readiness.told_until() == 10);
    // While looks are full for ever, since the first ones go on.
    for (std::uint64_t now = 40; now <= 60; now += 10) {
        for (Reader& reader : readers | std::views::take(2 * Readiness::kEventsMax)) {
            if (reader.told == 0) continue;
            reader.await();
            reader.send();
        }
        look_at(now);
        around.readiness.tell(Readiness::kEventsMax);
    }
    CHECK(told_of(0, kReaders));
    CHECK(around.readiness.told_until() == 20);
}

TEST_CASE("Who cannot enter learns why, and its place is the next one's") {
    Surroundings around;
    const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const auto refused = around.readiness.enter(file, false);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == EPERM);
    ::close(file);
    Reader reader(around.readiness);
    reader.await();
    reader.send();
    CHECK(around.tell_all() == 1);
    CHECK(reader.told == 1);
}

// Whoever has taken a socket over leaves its place while the owner looks, tells, and gives places away.
TEST_CASE("Places that others leave meanwhile are told of and given away without harm") {
    Surroundings around;
    constexpr int kSockets = 2000;
    std::vector<std::pair<int, Readiness::Place*>> entered;
    std::mutex mutex;
    std::atomic<bool> over = false;
    std::thread other([&] {
        while (true) {
            const bool last = over.load();
            std::vector<std::pair<int, Readiness::Place*>> mine;
            {
                std::lock_guard lock(mutex);
                mine.swap(entered);
            }
            for (const auto& [socket, place] : mine) {
                around.readiness.leave(*place, socket);
                ::close(socket);
            }
            if (last && mine.empty()) return;
        }
    });
    for (int i = 0; i < kSockets; ++i) {
        std::array<int, 2> ends{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
        const auto place = around.readiness.enter(ends[0], true);
        REQUIRE(place);
        REQUIRE(::send(ends[1], "x", 1, 0) == 1);
        {
            std::lock_guard lock(mutex);
            entered.emplace_back(ends[0], *place);
        }
        around.tell_all();
        ::close(ends[1]);
    }
    over = true;
    other.join();
    Reader reader(around.readiness);
    reader.await();
    reader.send();
    while (reader.told == 0) around.tell_all();
}

TEST_CASE("Each write to the eventfd that nobody reads ends a wait") {
    Surroundings around;
    for (int i = 0; i < 3; ++i) {
        around.write_to_wake();
        around.readiness.look(std::nullopt);
        CHECK(around.readiness.woken());
        CHECK(around.readiness.take_wake());
        CHECK_FALSE(around.readiness.take_wake());
        around.readiness.look(kNotAtAll);
        CHECK_FALSE(around.readiness.woken());
    }
}

TEST_CASE("The ring ends a wait for as long as it has completions") {
    Surroundings around;
    io_uring_prep_nop(io_uring_get_sqe(&around.ring));
    REQUIRE(io_uring_submit(&around.ring) == 1);
    for (int i = 0; i < 3; ++i) around.readiness.look(std::nullopt);  // else it would not come back
    io_uring_cq_advance(&around.ring, 1);
    const auto began = std::chrono::steady_clock::now();
    around.readiness.look(50ms);  // which a signal may end
    CHECK(std::chrono::steady_clock::now() - began >= 1ms);
}

TEST_CASE("Whoever watches sees that something has happened which no look has seen") {
    Surroundings around;
    Reader reader(around.readiness);
    reader.await();
    CHECK_FALSE(around.readiness.has_events());
    reader.send();
    CHECK(around.readiness.has_events());
    around.tell_all();
    CHECK_FALSE(around.readiness.has_events());
}
