// SPDX-License-Identifier: Apache-2.0
#include "runtime/reactor/readiness.hpp"

#include <liburing.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

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
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
        enter(where);
    }
    ~Reader() {
        for (const int end : ends) ::close(end);
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    void enter(Readiness& where) {
        const auto entered = where.enter(ends[0]);
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

TEST_CASE("A look sees so many that it can be told how many there may be, each in its turn") {
    Surroundings around;
    std::deque<Reader> readers;
    constexpr unsigned kReaders = 2 * Readiness::kEventsMax + 10;
    for (unsigned i = 0; i < kReaders; ++i) readers.emplace_back(around.readiness).await();
    for (Reader& reader : readers) reader.send();
    around.readiness.look(kNotAtAll);
    CHECK(around.readiness.untold() == Readiness::kEventsMax);
    CHECK(around.readiness.untold_at_most() >= kReaders);
    CHECK(around.readiness.tell(10) == 10);
    around.readiness.look(kNotAtAll);  // sees nothing new before the others have been told
    CHECK(around.readiness.untold() == Readiness::kEventsMax - 10);
    CHECK(around.readiness.tell(Readiness::kEventsMax) == Readiness::kEventsMax - 10);
    CHECK(around.tell_all() == Readiness::kEventsMax);
    CHECK(around.tell_all() == 10);
    CHECK(around.readiness.untold_at_most() == 0);
    for (unsigned i = 0; i < kReaders; ++i) CHECK(readers[i].told == 1);
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
