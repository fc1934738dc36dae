// SPDX-License-Identifier: Apache-2.0
//
// A counter with one writer and any readers: no read-modify-write, no sharing of cache lines asked for.
#pragma once

#include <atomic>
#include <cstdint>

namespace spindle::runtime {

/// Written by one thread at a time (the worker that owns it), readable by any; values may lag.
class Counter {
  public:
    void add(std::uint64_t n = 1) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

}  // namespace spindle::runtime
