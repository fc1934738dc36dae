// SPDX-License-Identifier: Apache-2.0
//
// How often each client may ask, counted by all processes of the server together, in memory that does not grow with
// the clients.
//
// A client's allowance is one number, the time at which it would have asked for all that it asked for had it kept to
// the rate (GCRA, the generic cell rate algorithm of ITU-T I.371: a leaky bucket without a timer). It stands in two
// places of a table, each found by another hash of the address; places are shared by chance, and the smaller number
// is the better estimate (a count-min sketch with conservative update; Estan and Varghese, 2002). So a client is never
// allowed more than its own, and is kept from it only if others who ask too much share both its places: with ten
// thousand of those, two clients in a hundred.
//
// Rejected: a map of clients (grows with an attack, needs a lock and a sweep), counters that start anew every second
// (twice the rate at the turn).
#pragma once

#include <chrono>
#include <cstdint>

#include "server/pipeline/sketch.hpp"

namespace spindle::pipeline {

class RateLimiter {
  public:
    using Time = std::chrono::nanoseconds;  ///< of any clock that all processes share, as CLOCK_MONOTONIC
    using Client = Sketch<std::uint64_t>::Client;

    /// `requests` in each `period`, and `burst` of them at once. Before processes are forked. Throws std::bad_alloc.
    RateLimiter(std::uint64_t requests, Time period, std::uint64_t burst);

    /// Counts a request. Zero: it may pass; else how long the client should wait. Any thread of any process, lock-free.
    [[nodiscard]] Time take(Client client, Time now) noexcept;

  private:
    const std::uint64_t interval_;   // ns between two requests of one who keeps to the rate
    const std::uint64_t tolerance_;  // ns that one may be ahead of that
    Sketch<std::uint64_t> sketch_;   // of times, at first long past; 1 MiB
};

}  // namespace spindle::pipeline
