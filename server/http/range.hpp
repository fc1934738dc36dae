// SPDX-License-Identifier: Apache-2.0
//
// Range requests (RFC 9110 section 14) for single byte ranges. Pure.
#pragma once

#include <cstdint>
#include <ctime>
#include <string_view>

#include "server/http/request.hpp"

namespace spindle::http {

enum class RangeKind {
    whole,          ///< 200: no range, or one that is ignored (malformed, several, If-Range that differs)
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
    ByteRange range{};  ///< for partial
};

/// What to send of a representation of `size` bytes with these validators.
[[nodiscard]] RangeDecision decide_range(const Request& request, std::uint64_t size, std::string_view etag,
                                         std::time_t last_modified) noexcept;

}  // namespace spindle::http
