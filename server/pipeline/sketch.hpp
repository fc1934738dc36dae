// SPDX-License-Identifier: Apache-2.0
//
// A number for each client, shared by all processes of the server, in memory that does not grow with the clients: a
// number stands in two places of a table, each found by another hash of the client's address. Places are shared by
// chance, and which of both to believe is the user's to know (a count-min sketch; Cormode and Muthukrishnan, 2005).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

#include <sys/mman.h>

#include "server/pipeline/siphash.hpp"

namespace spindle::pipeline {

template <class Number>
class Sketch {
  public:
    using Client = std::span<const unsigned char>;  ///< PeerAddress::network()
    using Place = std::atomic<Number>;
    static constexpr std::size_t kRows = 2;
    static constexpr std::size_t kPlaces = 64 * 1024;  ///< a row; the kernel gives what is touched
    static_assert(Place::is_always_lock_free);

    /// All zeros. Before processes are forked. Throws std::bad_alloc.
    explicit Sketch(unsigned tables) : key_(SipKey::random()), count_(tables) {
        void* memory = ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        tables_ = static_cast<Table*>(memory);
    }
    ~Sketch() { ::munmap(static_cast<void*>(tables_), bytes()); }
    Sketch(const Sketch&) = delete;
    Sketch& operator=(const Sketch&) = delete;

    [[nodiscard]] unsigned tables() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t hash(Client client) const noexcept { return siphash(key_, client); }
    /// Any thread of any process. `hash`: of the client.
    [[nodiscard]] Place& place(unsigned table, std::size_t row, std::uint64_t hash) const noexcept {
        return tables_[table][row][(hash >> (32 * row)) % kPlaces];
    }
    void clear(unsigned table) noexcept {
        for (auto& row : tables_[table]) {
            for (Place& place : row) place.store(0, std::memory_order_relaxed);
        }
    }

  private:
    using Table = Place[kRows][kPlaces];

    [[nodiscard]] std::size_t bytes() const noexcept { return count_ * sizeof(Table); }

    const SipKey key_;  // nobody can choose addresses that share places
    const unsigned count_;
    Table* tables_;
};

}  // namespace spindle::pipeline
