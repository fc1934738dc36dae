// SPDX-License-Identifier: Apache-2.0
//
// How many connections each client has open to the whole server.
//
// A table for each process, so that what a dead one had open can be forgotten; a client's number is the sum over all of
// them. Of its two places the one with the smaller sum is the better estimate: never less than what it has open, and
// more only if others share both. With 20,000 clients of one connection each, that happens to one in fourteen, by one or
// two: limits below ten are not for servers with very many clients.
#pragma once

#include <cstdint>

#include "server/pipeline/sketch.hpp"

namespace spindle::pipeline {

class AddressCounts {
  public:
    using Client = Sketch<std::uint32_t>::Client;

    /// `connections_max`: of each client. Before processes are forked. Throws std::bad_alloc.
    AddressCounts(unsigned processes, std::uint64_t connections_max)
        : connections_max_(connections_max), sketch_(processes) {}

    /// Counts a connection of `process`; false: that was one too many, and is not counted. Any thread, lock-free.
    [[nodiscard]] bool enter(unsigned process, Client client) noexcept;
    /// One that was counted has ended.
    void leave(unsigned process, Client client) noexcept { remove(process, sketch_.hash(client)); }
    /// The process is dead, and its connections with it.
    void forget(unsigned process) noexcept { sketch_.clear(process); }

  private:
    void remove(unsigned process, std::uint64_t hash) noexcept;
    [[nodiscard]] std::uint64_t open(std::uint64_t hash) const noexcept;

    const std::uint64_t connections_max_;
    Sketch<std::uint32_t> sketch_;  // a table a process, 512 KiB each
};

}  // namespace spindle::pipeline
