// SPDX-License-Identifier: Apache-2.0
#include "loadtest/probe/hold.hpp"

#include <algorithm>
#include <cstdio>

#include <sys/resource.h>
#include <unistd.h>

#include "loadtest/probe/client.hpp"

namespace probe {
namespace {

/// Few at once: a server that must keep thousands of requests at the same time grows more than idle
/// connections make it.
constexpr std::size_t kAtOnce = 32;

void raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

void hold(const HoldOptions& options) {
    raise_descriptor_limit();
    const std::string request = request_for(options.path);
    std::vector<Client> clients;
    clients.reserve(options.connections);
    while (clients.size() < options.connections) {
        const std::size_t first = clients.size();
        const std::size_t end = std::min<std::size_t>(first + kAtOnce, options.connections);
        for (std::size_t i = first; i < end; ++i) {
            const auto turn = static_cast<std::uint32_t>(i / options.ports.size() % options.sources);
            const std::uint32_t source = options.source == 0 ? 0 : options.source + turn;
            clients.emplace_back().connect(options.ports[i % options.ports.size()], source);
            clients.back().send(request);
        }
        for (std::size_t i = first; options.wait_for_answer && i < end; ++i) {
            if (clients[i].first_response() != 200) fail("a held connection was not answered 200");
            if (clients[i].is_over())
                fail("the server closes a connection after its answer, so that it cannot be held");
        }
    }
    std::printf("held %zu\n", clients.size());
    std::fflush(stdout);
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
}

}  // namespace probe
