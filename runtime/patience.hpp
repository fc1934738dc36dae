// SPDX-License-Identifier: Apache-2.0
//
// How long a peer is waited for who must bring, or take, bytes: no single wait longer than a time-out, and all of them
// together no longer than the bytes would take at the lowest rate that is borne, plus one time-out. So a peer may
// pause, and may be slow, but cannot hold what serves it with a byte now and then.
//
// It is a bucket of time as large as the time-out: waiting drains it, bytes fill it (a token bucket; ITU-T I.371).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace spindle::runtime {

struct Pace {
    std::chrono::nanoseconds timeout{};  ///< 0: none, and then no rate counts
    std::uint64_t rate_min = 0;          ///< bytes a second; 0: any
};

/// One word: it lies in frames of which there are many.
class Patience {
  public:
    explicit Patience(const Pace& pace) noexcept : left_(pace.timeout) {}

    /// How long the next wait may be; 0: as long as it takes.
    [[nodiscard]] std::chrono::nanoseconds left() const noexcept { return left_; }
    /// No wait makes sense any more, though one of left() would end soon.
    [[nodiscard]] bool exhausted(const Pace& pace) const noexcept {
        return pace.timeout.count() != 0 && left_ <= kLeast;
    }

    /// `waited` has passed for `bytes`. The same pace as at the beginning.
    void spend(std::chrono::nanoseconds waited, std::uint64_t bytes, const Pace& pace) noexcept {
        if (pace.rate_min == 0 || pace.timeout.count() == 0) return;
        const double earned = static_cast<double>(bytes) / static_cast<double>(pace.rate_min) * 1e9;
        const double left = static_cast<double>((left_ - waited).count()) + earned;
        left_ = left >= static_cast<double>(pace.timeout.count())
                    ? pace.timeout
                    : std::max(kLeast, std::chrono::nanoseconds(static_cast<std::int64_t>(left)));
    }

  private:
    static constexpr std::chrono::nanoseconds kLeast = std::chrono::milliseconds(1);

    std::chrono::nanoseconds left_;
};

}  // namespace spindle::runtime
