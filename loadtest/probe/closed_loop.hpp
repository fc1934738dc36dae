// SPDX-License-Identifier: Apache-2.0
//
// One request under way on each of many connections. wrk does that too, but its figures have in them the
// seconds in which it opens 16,000 connections.
#pragma once

#include <cstdint>
#include <string>

#include "loadtest/probe/clock.hpp"

namespace probe {

struct ClosedLoopOptions {
    std::uint16_t port = 0;
    unsigned connections = 1;
    Nanoseconds duration = 5 * kSecond;
    std::string path = "/plaintext";
};

/// Opens all connections and asks once on each, prints "opened", waits for a byte on standard input, runs,
/// and prints "name value" lines; times are in microseconds.
void closed_loop(const ClosedLoopOptions& options);

}  // namespace probe
