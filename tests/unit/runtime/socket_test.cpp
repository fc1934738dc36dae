// SPDX-License-Identifier: Apache-2.0
#include "runtime/socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "on_every_backend.hpp"
#include "runtime/worker.hpp"

using namespace spindle::runtime;
using namespace spindle::test;
using namespace std::chrono_literals;

namespace {

/// What another end had sent before; the receive keeps a buffer for as long as its result lives.
task<Result<Received>> receive_one(char sent) {
    std::array<int, 2> pair{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()) == 0);
    REQUIRE(::send(pair[1], &sent, 1, 0) == 1);
    Socket socket(pair[0]);
    Result<Received> received = co_await socket.receive(10s);
    co_await socket.close();
    ::close(pair[1]);
    co_return received;
}

}  // namespace

TEST_CASE("who receives gets everything also when all provided buffers are taken" * doctest::skip(kThrift > 1)) {
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
