// SPDX-License-Identifier: Apache-2.0
#include "runtime/histogram.hpp"

#include <cmath>
#include <numeric>

namespace spindle::runtime {

std::uint64_t HistogramReading::count() const noexcept {
    return std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
}

// Within the bucket as if its values were spread evenly, each in the middle of its part.
std::uint64_t HistogramReading::quantile(double part) const noexcept {
    const std::uint64_t all = count();
    if (all == 0) return 0;
    const double rank = std::clamp(std::ceil(part * static_cast<double>(all)), 1.0, static_cast<double>(all));
    if (rank == static_cast<double>(all)) return max;
    std::uint64_t below = 0;
    for (std::size_t b = 0; b < kBuckets; ++b) {
        if (buckets[b] == 0 || static_cast<double>(below + buckets[b]) < rank) {
            below += buckets[b];
            continue;
        }
        const double low = b == 0 ? 0 : std::ldexp(1.0, static_cast<int>(b) - 1);
        const double high = b == kBuckets - 1 ? static_cast<double>(max) : std::ldexp(1.0, static_cast<int>(b));
        const double within = (rank - static_cast<double>(below) - 0.5) / static_cast<double>(buckets[b]);
        return std::min(static_cast<std::uint64_t>(low + std::max(high - low, 0.0) * within), max);
    }
    return max;
}

HistogramReading& HistogramReading::operator+=(const HistogramReading& other) noexcept {
    for (std::size_t b = 0; b < kBuckets; ++b) buckets[b] += other.buckets[b];
    sum += other.sum;
    max = std::max(max, other.max);
    return *this;
}

HistogramReading HistogramReading::since(const HistogramReading& earlier) const noexcept {
    HistogramReading difference = *this;
    for (std::size_t b = 0; b < kBuckets; ++b) difference.buckets[b] -= std::min(earlier.buckets[b], buckets[b]);
    difference.sum -= std::min(earlier.sum, sum);
    return difference;
}

HistogramReading Histogram::read() const noexcept {
    HistogramReading reading;
    for (std::size_t b = 0; b < HistogramReading::kBuckets; ++b) reading.buckets[b] = buckets_[b].read();
    reading.sum = sum_.read();
    reading.max = max_.read();
    return reading;
}

void Histogram::absorb(const HistogramReading& other) noexcept {
    for (std::size_t b = 0; b < HistogramReading::kBuckets; ++b) buckets_[b].add(other.buckets[b]);
    sum_.add(other.sum);
    max_.set(std::max(max_.read(), other.max));
}

}  // namespace spindle::runtime
