// SPDX-License-Identifier: Apache-2.0
#include "loadtest/probe/pipelined.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadtest/probe/client.hpp"
#include "loadtest/probe/start.hpp"

namespace probe {
namespace {

constexpr std::string_view kBegin = "HTTP/1.1 200 ";
constexpr int kPatience = 5000;  // milliseconds

std::array<char, std::size_t{64} * 1024> buffer;  // of all connections: it is small enough to stay in the cache

class Flow {
  public:
    void open(const PipelinedOptions& options, int epoll) {
        client_.connect(options.loop.port);
        client_.send(request_for(options.loop.path));
        if (client_.first_response() != 200) fail("a request was not answered 200");
        if (client_.is_over()) fail("the server closes a connection after its answer");
        response_bytes_ = client_.taken_bytes();
        turn_bytes_ = response_bytes_ * options.depth;
        if (turn_bytes_ > buffer.size()) fail("the responses of a turn are longer than 64 KiB");
        client_.set_non_blocking();
        wake_at(turn_bytes_);
        client_.watch(epoll, EPOLL_CTL_ADD, this);
    }

    void ask(std::string_view turn) {
        client_.send(turn);
        if (client_.has_unsent()) fail("a socket does not take the requests of a turn");
    }

    /// Whether the turn is answered now.
    bool receive() {
        const ssize_t got = ::recv(client_.descriptor(), buffer.data(), buffer.size(), 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
        if (got <= 0) fail("the server closed a connection");
        const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
        const std::size_t left = turn_bytes_ - received_;
        check(bytes.substr(0, left));
        if (bytes.size() > left) fail("more came than was asked for, or a response is longer than the first");
        if (bytes.size() < left) {
            received_ += bytes.size();
            wake_at(turn_bytes_ - received_);
            return false;
        }
        if (received_ != 0) wake_at(turn_bytes_);
        received_ = 0;
        return true;
    }

  private:
    /// The kernel says nothing before so much is there, or the end: a server that answers in parts wakes nobody for each.
    void wake_at(std::size_t bytes) const {
        const int mark = static_cast<int>(bytes);
        if (::setsockopt(client_.descriptor(), SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark) != 0) fail("SO_RCVLOWAT");
    }

    /// Parts of a turn may end anywhere, also within what a response begins with.
    void check(std::string_view bytes) const {
        std::size_t place = received_ % response_bytes_;  // in a response
        while (!bytes.empty()) {
            if (place < kBegin.size()) {
                const std::string_view begin = kBegin.substr(place, bytes.size());
                if (!bytes.starts_with(begin))
                    fail("a response is no 200, or the one before is not as long as the first");
            }
            bytes.remove_prefix(std::min(response_bytes_ - place, bytes.size()));
            place = 0;
        }
    }

    Client client_;
    std::size_t response_bytes_ = 0;
    std::size_t turn_bytes_ = 0;
    std::size_t received_ = 0;  ///< of the turn
};

}  // namespace

void pipelined(const PipelinedOptions& options) {
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    std::vector<Flow> flows(options.loop.connections);
    for (Flow& flow : flows) flow.open(options, epoll);
    std::string turn;
    for (unsigned i = 0; i < options.depth; ++i) turn += request_for(options.loop.path);
    wait_for_start();

    const Nanoseconds start = now();
    const Nanoseconds end = start + options.loop.duration;
    const Nanoseconds used_before = used();
    for (Flow& flow : flows) flow.ask(turn);
    std::size_t turns = 0;
    // Until all that was asked is answered: what a response lacks at the end of a turn is seen only by waiting for it.
    for (std::size_t under_way = flows.size(); under_way != 0;) {
        std::array<epoll_event, 256> events;
        const int count = ::epoll_wait(epoll, events.data(), events.size(), kPatience);
        if (count < 0 && errno != EINTR) fail("epoll_wait");
        if (count == 0) fail("a request is not answered, or a response is shorter than the first");
        const bool goes_on = now() < end;
        for (int i = 0; i < count; ++i) {
            Flow& flow = *static_cast<Flow*>(events[static_cast<std::size_t>(i)].data.ptr);
            if (!flow.receive()) continue;
            ++turns;
            if (goes_on) flow.ask(turn);
            else --under_way;
        }
    }
    const double seconds = static_cast<double>(now() - start) / 1e9;
    const double busy = static_cast<double>(used() - used_before) / 1e9 / seconds;
    const std::size_t requests = turns * options.depth;
    std::printf("requests %zu\nrequests_per_s %.1f\nseconds %.6f\nbusy %.4f\n", requests,
                static_cast<double>(requests) / seconds, seconds, busy);
    ::close(epoll);
}

}  // namespace probe
