// SPDX-License-Identifier: Apache-2.0
//
// The text between the ranges of a multipart/byteranges answer (RFC 9110 section 14.6). Pure: the boundary comes
// from outside, and must be one that nobody can foresee, or a file could contain it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/range.hpp"

namespace spindle::http {

struct Multipart {
    std::string content_type;        ///< of the whole answer
    std::vector<std::string> heads;  ///< what goes before each range
    std::string end;                 ///< what goes behind the last one
    std::uint64_t length = 0;        ///< of everything, ranges included
};

/// For ranges of a representation of that type and size. `type` may be empty: then parts have none.
[[nodiscard]] Multipart multipart_of(std::span<const ByteRange> ranges, std::string_view type, std::uint64_t size,
                                     std::string_view boundary);

/// "bytes 0-4/26"
[[nodiscard]] std::string content_range(const ByteRange& range, std::uint64_t size);

}  // namespace spindle::http
