// SPDX-License-Identifier: Apache-2.0
//
// An open-loop probe beside a closed-loop load, both on one thread of little cost, since the server has
// the same processors.
//
// The probe asks at a fixed rate whatever the server does: request k is due at start + k / rate on
// connection k mod connections (pipelined behind what that connection still waits for), and its latency
// counts from when it was *due*, also while a body waits for room in the socket. What is not answered at the end counts
// with its age. So a server that freezes for a second is seen by 1 s x rate requests, and not by the one that a closed
// loop would have sent. h2load --rps is no such loop: it holds back what is due while a connection waits, and counts
// from when it sends.
//
// The load keeps one request under way on each of its connections, all the time or for a part of it, and counts the
// answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loadtest/probe/client.hpp"
#include "loadtest/probe/clock.hpp"

namespace probe {

struct MeasureOptions {
    std::uint16_t port = 0;
    std::uint32_t source = 0;  ///< address to connect from, host order; 0: any
    unsigned rate = 2000;      ///< requests a second of the probe
    unsigned connections = 32;
    Nanoseconds duration = 5 * kSecond;
    std::vector<std::string> requests{request_for("/plaintext")};  ///< sent in turn
    std::string log_path;            ///< a file with a line a request, "due latency status" in us; empty: none
    Nanoseconds lead = kSecond / 2;  ///< the load alone, before the probe begins, if it has no begin of its own
    std::string load_path;           ///< empty: no load
    unsigned load_connections = 0;
    std::optional<Nanoseconds> load_begin;  ///< of the measurement; the load may also not come to it
    std::optional<Nanoseconds> load_end;    ///< then it asks no more, and what is under way is answered and not counted
};

/// Runs and prints its figures to standard output, a "name value" a line; times are in milliseconds.
void measure(const MeasureOptions& options);

}  // namespace probe
