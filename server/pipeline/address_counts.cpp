// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/address_counts.hpp"

#include <algorithm>
#include <limits>

namespace spindle::pipeline {

bool AddressCounts::enter(unsigned process, Client client) noexcept {
    const std::uint64_t hash = sketch_.hash(client);
    // Counted first: of two that come at once for the last place, both may be turned away, but never both let in.
    for (std::size_t row = 0; row < sketch_.kRows; ++row)
        sketch_.place(process, row, hash).fetch_add(1, std::memory_order_seq_cst);
    if (open(hash) <= connections_max_) return true;
    remove(process, hash);
    return false;
}

void AddressCounts::remove(unsigned process, std::uint64_t hash) noexcept {
    for (std::size_t row = 0; row < sketch_.kRows; ++row)
        sketch_.place(process, row, hash).fetch_sub(1, std::memory_order_relaxed);
}

std::uint64_t AddressCounts::open(std::uint64_t hash) const noexcept {
    std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
    for (std::size_t row = 0; row < sketch_.kRows; ++row) {
        std::uint64_t sum = 0;
        for (unsigned process = 0; process < sketch_.tables(); ++process)
            sum += sketch_.place(process, row, hash).load(std::memory_order_seq_cst);
        least = std::min(least, sum);
    }
    return least;
}

}  // namespace spindle::pipeline
