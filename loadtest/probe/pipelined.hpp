// SPDX-License-Identifier: Apache-2.0
//
// Many requests under way on each connection: a turn of them leaves together, and the next one when all of it is
// answered. wrk does that too, but parses each response: it is at its limit while a server that answers a turn at once is
// idle for a third of the time. Here a turn is one receive, one send and a look at each response's beginning.
//
// What comes is no less certain for it. The first response of a connection is parsed wholly; each later one must be as
// long as it, since the next one begins where it ends, and must begin with the same status. Anything else ends the
// program.
#pragma once

#include "loadtest/probe/closed_loop.hpp"

namespace probe {

struct PipelinedOptions {
    ClosedLoopOptions loop;
    unsigned depth = 16;  ///< requests of a turn
};

/// As closed_loop(), without latencies: a request waits for the others of its turn. `busy` is the share of the time that
/// this program used its CPU itself: near 1, it was the limit and not the server.
void pipelined(const PipelinedOptions& options);

}  // namespace probe
