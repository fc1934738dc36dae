// SPDX-License-Identifier: Apache-2.0
//
// A histogram of durations in powers of two of a nanosecond: 40 buckets reach to nine minutes, and one
// record costs a bit scan and two additions. One writer, any readers, as a Counter; 336 bytes.
//
// Rejected: HDR-like sub-buckets. Twice as exact is eight times as large, and nobody acts upon the
// difference between a p99 of 1.2 and of 1.4 ms; the largest value is kept exactly.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "runtime/counter.hpp"

namespace spindle::runtime {

/// What was read of a histogram: plain numbers, to add up, to subtract an earlier reading, to ask.
struct HistogramReading {
    static constexpr std::size_t kBuckets = 40;

    std::array<std::uint64_t, kBuckets> buckets{};  ///< [0]: below 1 ns; [b]: 2^(b-1) up to 2^b; the last: all above
    std::uint64_t sum = 0;                          ///< ns
    std::uint64_t max = 0;                          ///< ns; of all times, also in a difference

    [[nodiscard]] std::uint64_t count() const noexcept;
    /// ns below which `part` (0 to 1) of all values lie, to the width of a bucket. 0 for an empty one.
    [[nodiscard]] std::uint64_t quantile(double part) const noexcept;

    HistogramReading& operator+=(const HistogramReading& other) noexcept;
    /// What came since `earlier`.
    [[nodiscard]] HistogramReading since(const HistogramReading& earlier) const noexcept;
};

class Histogram {
  public:
    /// By the writer.
    void record(std::uint64_t nanoseconds) noexcept {
        buckets_[bucket_of(nanoseconds)].add();
        sum_.add(nanoseconds);
        if (nanoseconds > max_.read()) max_.set(nanoseconds);
    }
    /// Any thread; not a moment's picture, since the writer goes on.
    [[nodiscard]] HistogramReading read() const noexcept;

    /// By the writer, or when there is none.
    void absorb(const HistogramReading& other) noexcept;

    [[nodiscard]] static std::size_t bucket_of(std::uint64_t nanoseconds) noexcept {
        return std::min<std::size_t>(std::bit_width(nanoseconds), HistogramReading::kBuckets - 1);
    }

  private:
    std::array<Counter, HistogramReading::kBuckets> buckets_;
    Counter sum_;
    Counter max_;
};

}  // namespace spindle::runtime
