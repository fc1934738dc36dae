// SPDX-License-Identifier: Apache-2.0
#include "loadtest/probe/closed_loop.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <vector>

#include <sys/epoll.h>
#include <unistd.h>

#include "loadtest/probe/client.hpp"
#include "loadtest/probe/percentile.hpp"
#include "loadtest/probe/start.hpp"

namespace probe {
namespace {

constexpr int kOk = 200;
constexpr int kWaitMax = 100;  // milliseconds

struct Flow {
    Client client;
    Nanoseconds sent = 0;
};

std::vector<Flow> open_all(const ClosedLoopOptions& options, int epoll) {
    std::vector<Flow> flows(options.connections);
    for (Flow& flow : flows) {
        flow.client.connect(options.port);
        flow.client.send(request_for(options.path));
        (void)flow.client.first_response();
        flow.client.set_non_blocking();
        flow.client.watch(epoll, EPOLL_CTL_ADD, &flow);
    }
    return flows;
}

}  // namespace

void closed_loop(const ClosedLoopOptions& options) {
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    std::vector<Flow> flows = open_all(options, epoll);
    const std::string request = request_for(options.path);
    wait_for_start();

    std::vector<Nanoseconds> latency;
    std::size_t reopened = 0;
    const auto ask = [&](Flow& flow) {
        if (flow.client.is_over()) {
            flow.client.reconnect();
            flow.client.watch(epoll, EPOLL_CTL_ADD, &flow);
            ++reopened;
        }
        flow.client.send(request);
        if (flow.client.has_unsent()) flow.client.watch(epoll, EPOLL_CTL_MOD, &flow);
    };
    const Nanoseconds start = now();
    const Nanoseconds end = start + options.duration;
    for (Flow& flow : flows) {
        flow.sent = now();
        ask(flow);
    }
    std::array<epoll_event, 256> events;
    while (now() < end) {
        const int count = ::epoll_wait(epoll, events.data(), events.size(), kWaitMax);
        if (count < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < count; ++i) {
            Flow& flow = *static_cast<Flow*>(events[static_cast<std::size_t>(i)].data.ptr);
            if (flow.client.has_unsent()) {
                flow.client.send_rest();
                if (!flow.client.has_unsent()) flow.client.watch(epoll, EPOLL_CTL_MOD, &flow);
            }
            flow.client.receive();
            const int status = flow.client.next_response();
            if (status == 0 && !flow.client.is_over()) continue;
            if (status != 0) {
                if (status != kOk) fail("a request was not answered 200");
                const Nanoseconds time = now();
                latency.push_back(time - flow.sent);
                flow.sent = time;
            }
            ask(flow);
        }
    }
    const double seconds = static_cast<double>(now() - start) / 1e9;
    std::ranges::sort(latency);
    std::printf("reopened %zu\nrequests %zu\nrequests_per_s %.1f\np50 %.1f\np99 %.1f\n", reopened, latency.size(),
                static_cast<double>(latency.size()) / seconds, static_cast<double>(percentile(latency, 0.5)) / 1e3,
                static_cast<double>(percentile(latency, 0.99)) / 1e3);
    ::close(epoll);
}

}  // namespace probe
