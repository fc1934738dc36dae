// SPDX-License-Identifier: Apache-2.0
//
// Range requests (RFC 9110 section 14), for bytes. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string_view>
#include <vector>

#include "server/http/request.hpp"

namespace spindle::http {

enum class RangeKind {
    whole,          ///< 200: no range, or one that is ignored (malformed, too many, If-Range that differs)
    partial,        ///< 206
    unsatisfiable,  ///< 416
};

struct ByteRange {
    std::uint64_t first = 0;
    std::uint64_t last = 0;  ///< inclusive
    [[nodiscard]] std::uint64_t size() const noexcept { return last - first + 1; }
};

struct RangeDecision {
    RangeKind kind = RangeKind::whole;
    /// For partial: at least one. What overlaps or touches is one range, so that all of them together are no more
    /// than the representation; in the order asked for (section 15.3.7.2).
    std::vector<ByteRange> ranges;
};

/// More than that, after joining, is a flood (section 14.2), and answered whole.
inline constexpr std::size_t kRangesMax = 16;

/// What to send of a representation of `size` bytes with this ETag. `modified` is its date if that is a strong
/// validator (section 8.8.2.2): else an If-Range with a date never holds.
[[nodiscard]] RangeDecision decide_range(const Request& request, std::uint64_t size, std::string_view etag,
                                         std::optional<std::time_t> modified);

}  // namespace spindle::http
