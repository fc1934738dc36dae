// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/address_counts.hpp"

#include <algorithm>
#include <limits>
#include <new>

#include <sys/mman.h>

namespace spindle::pipeline {

AddressCounts::AddressCounts(unsigned processes, std::uint64_t connections_max)
    : processes_(processes), connections_max_(connections_max), key_(SipKey::random()) {
    void* memory =
        ::mmap(nullptr, processes * sizeof(Table), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    tables_ = static_cast<Table*>(memory);  // zeros
}

AddressCounts::~AddressCounts() { ::munmap(static_cast<void*>(tables_), processes_ * sizeof(Table)); }

bool AddressCounts::enter(unsigned process, Client client) noexcept {
    const std::uint64_t hash = siphash(key_, client);
    // Counted first: of two that come at once for the last place, both may be turned away, but never both let in.
    for (std::size_t row = 0; row < kRows; ++row)
        place(tables_[process], row, hash).fetch_add(1, std::memory_order_seq_cst);
    if (open(hash) <= connections_max_) return true;
    leave(process, client);
    return false;
}

void AddressCounts::leave(unsigned process, Client client) noexcept {
    const std::uint64_t hash = siphash(key_, client);
    for (std::size_t row = 0; row < kRows; ++row)
        place(tables_[process], row, hash).fetch_sub(1, std::memory_order_relaxed);
}

void AddressCounts::forget(unsigned process) noexcept {
    for (auto& row : tables_[process]) {
        for (Place& place : row) place.store(0, std::memory_order_relaxed);
    }
}

std::uint64_t AddressCounts::open(std::uint64_t hash) const noexcept {
    std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
    for (std::size_t row = 0; row < kRows; ++row) {
        std::uint64_t sum = 0;
        for (unsigned process = 0; process < processes_; ++process)
            sum += place(tables_[process], row, hash).load(std::memory_order_seq_cst);
        least = std::min(least, sum);
    }
    return least;
}

}  // namespace spindle::pipeline
