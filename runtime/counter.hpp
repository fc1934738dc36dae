// SPDX-License-Identifier: Apache-2.0
//
// Counters that any thread may read while they are written; in shared memory other processes too.
#pragma once

#include <atomic>
#include <cstdint>

namespace spindle::runtime {

/// Written by one thread at a time (the worker that owns it), readable by any; values may lag. No
/// read-modify-write, no sharing of cache lines asked for.
class Counter {
  public:
    void add(std::uint64_t n = 1) noexcept { set(read() + n); }
    /// For one that says how things stand, not how often something happened.
    void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
    static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
};

/// Written by any thread: for what happens seldom.
class SharedCounter {
  public:
    void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
    void subtract(std::uint64_t n) noexcept { value_.fetch_sub(n, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

}  // namespace spindle::runtime
