// SPDX-License-Identifier: Apache-2.0
//
// How many connections each client has open to the whole server, in memory that does not grow with the clients.
//
// A table for each process, so that what a dead one had open can be forgotten; a client's number is the sum over all of
// them. Each client counts in two places of a table, each found by another hash, and the smaller sum is the better
// estimate (a count-min sketch; Cormode and Muthukrishnan, 2005): never less than what it has open, and more only if
// others share both its places. With 20,000 clients of one connection each, that happens to one in fourteen, by one or
// two: limits below ten are not for servers with very many clients.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "server/pipeline/siphash.hpp"

namespace spindle::pipeline {

class AddressCounts {
  public:
    using Client = std::span<const unsigned char>;

    /// `connections_max`: of each client. Before processes are forked. Throws std::bad_alloc.
    AddressCounts(unsigned processes, std::uint64_t connections_max);
    ~AddressCounts();
    AddressCounts(const AddressCounts&) = delete;
    AddressCounts& operator=(const AddressCounts&) = delete;

    /// Counts a connection of `process`; false: that was one too many, and is not counted. Any thread, lock-free.
    [[nodiscard]] bool enter(unsigned process, Client client) noexcept;
    /// One that was counted has ended.
    void leave(unsigned process, Client client) noexcept;
    /// The process is dead, and its connections with it.
    void forget(unsigned process) noexcept;

  private:
    static constexpr std::size_t kRows = 2;
    static constexpr std::size_t kPlaces = 64 * 1024;  // a row
    using Place = std::atomic<std::uint32_t>;
    using Table = Place[kRows][kPlaces];  // 512 KiB, of which the kernel gives what is touched
    static_assert(Place::is_always_lock_free);

    [[nodiscard]] static Place& place(Table& table, std::size_t row, std::uint64_t hash) noexcept {
        return table[row][(hash >> (32 * row)) % kPlaces];
    }
    [[nodiscard]] std::uint64_t open(std::uint64_t hash) const noexcept;

    const unsigned processes_;
    const std::uint64_t connections_max_;
    const SipKey key_;
    Table* tables_;
};

}  // namespace spindle::pipeline
