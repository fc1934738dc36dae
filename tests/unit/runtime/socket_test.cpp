// SPDX-License-Identifier: Apache-2.0
#include "runtime/socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "on_every_backend.hpp"
#include "runtime/sync.hpp"
#include "runtime/worker.hpp"

using namespace spindle::runtime;
using namespace spindle::test;
using namespace std::chrono_literals;

namespace {

std::array<int, 2> connected_pair() {
    std::array<int, 2> pair{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()) == 0);
    return pair;
}

/// After that it stands among those that wait for events.
task<void> wait_in_vain(Socket& socket) {
    const auto nothing = co_await socket.receive(1ms);
    CHECK(code_of(nothing) == ETIMEDOUT);
}

/// What another end had sent before; the receive keeps a buffer for as long as its result lives.
task<Result<Received>> receive_one(char sent) {
    const std::array<int, 2> pair = connected_pair();
    REQUIRE(::send(pair[1], &sent, 1, 0) == 1);
    Socket socket(pair[0]);
    Result<Received> received = co_await socket.receive(10s);
    co_await socket.close();
    ::close(pair[1]);
    co_return received;
}

void send_with_descriptor(int end, char byte) {
    iovec data{.iov_base = &byte, .iov_len = 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const passed = CMSG_FIRSTHDR(&message);
    passed->cmsg_level = SOL_SOCKET;
    passed->cmsg_type = SCM_RIGHTS;
    passed->cmsg_len = CMSG_LEN(sizeof end);
    std::memcpy(CMSG_DATA(passed), &end, sizeof end);
    REQUIRE(::sendmsg(end, &message, MSG_NOSIGNAL) == 1);
}

task<void> take_turns(std::atomic<int>& turns, const std::atomic<bool>& over, WaitGroup& ends) {
    while (!over.load()) {
        ++turns;
        co_await yield();
    }
    ends.done();
}

}  // namespace

TEST_CASE("who receives gets everything also when all of the reactor's buffers are taken" *
          doctest::skip(kThrift > 1)) {
    on_every_backend([](Run& run) -> task<void> {
        const unsigned more_than_there_are = Reactor::Options{}.buffers + 20;
        std::vector<Received> held;
        for (unsigned i = 0; i < more_than_there_are; ++i) {
            const char sent = static_cast<char>('a' + i % 26);
            task<Result<Received>> receiving = receive_one(sent);
            Result<Received>&& received = co_await receiving;
            REQUIRE(received.has_value());
            CHECK(received->bytes() == std::string(1, sent));
            held.push_back(std::move(*received));
        }
        RuntimeScope in_runtime;
        // Among several processors the flow may have moved, and have had the buffers of two.
        if (run.variant.processors <= 1) CHECK(current_worker().counters.buffers_exhausted.read() > 0);
        held.clear();
    });
}

TEST_CASE("a stream that never pauses lets others have their turn, and none of it is lost or mixed up") {
    on_every_backend([](Run&) -> task<void> {
        const std::array<int, 2> pair = connected_pair();
        // Always more than the receiver has taken.
        std::uint8_t sent = 0;
        const auto fill = [&] {
            std::array<std::uint8_t, 1000> some{};
            while (true) {
                std::uint8_t next = sent;
                for (std::uint8_t& byte : some) byte = next++;
                const ssize_t count = ::send(pair[1], some.data(), some.size(), MSG_NOSIGNAL);
                if (count < 0) return;
                sent = static_cast<std::uint8_t>(sent + count);
            }
        };
        std::atomic<int> turns = 0;
        std::atomic<bool> over = false;
        WaitGroup others;
        others.add(1);
        spawn(take_turns(turns, over, others));
        Socket socket(pair[0]);
        std::uint8_t expected = 0;
        bool in_order = true;
        for (int i = 0; i < 1000; ++i) {
            fill();
            Result<Received> received = co_await socket.receive(10s);
            REQUIRE(received.has_value());
            for (const char byte : received->bytes())
                in_order = in_order && static_cast<std::uint8_t>(byte) == expected++;
        }
        over = true;
        co_await others.wait();
        CHECK(in_order);
        CHECK(turns.load() >= 1000 / 32);
        co_await socket.close();
        ::close(pair[1]);
    });
}

TEST_CASE("bytes and the end of a stream that come together are both received, wherever the flow is by then") {
    on_every_backend([](Run&) -> task<void> {
        for (int i = 0; i < 200; ++i) {
            const std::array<int, 2> pair = connected_pair();
            Socket socket(pair[0]);
            task<void> waiting = wait_in_vain(socket);
            co_await waiting;
            const auto send_last = [](int end) -> task<void> {
                REQUIRE(::send(end, "x", 1, MSG_NOSIGNAL) == 1);
                ::close(end);
                co_return;
            };
            spawn(send_last(pair[1]));
            const auto first = co_await socket.receive(10s);
            co_await yield();
            const auto second = co_await socket.receive(10s);
            REQUIRE(first.has_value());
            CHECK(first->bytes() == "x");
            REQUIRE(second.has_value());
            CHECK(second->bytes().empty());
            co_await socket.close();
        }
    });
}

// Where a receive stops though there is more: nothing tells of the rest.
TEST_CASE("what comes behind descriptors that are passed, or out-of-band data, is received too") {
    on_every_backend([](Run&) -> task<void> {
        const std::array<int, 2> pair = connected_pair();
        Socket socket(pair[0]);
        task<void> waiting = wait_in_vain(socket);
        co_await waiting;
        const auto send_all = [](int end) -> task<void> {
            REQUIRE(::send(end, "a", 1, MSG_NOSIGNAL) == 1);
            send_with_descriptor(end, 'b');
            REQUIRE(::send(end, "c", 1, MSG_NOSIGNAL) == 1);
            REQUIRE(::send(end, "!", 1, MSG_NOSIGNAL | MSG_OOB) == 1);
            REQUIRE(::send(end, "d", 1, MSG_NOSIGNAL) == 1);
            co_return;
        };
        spawn(send_all(pair[1]));
        std::string all;
        while (all.size() < 4) {
            const auto received = co_await socket.receive(10s);
            REQUIRE(received.has_value());
            all += received->bytes();
        }
        CHECK(all == "abcd");
        co_await socket.close();
        ::close(pair[1]);
    });
}
