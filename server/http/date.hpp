// SPDX-License-Identifier: Apache-2.0
//
// Dates of HTTP (RFC 9110 section 5.6.7). No clock, no locale: the caller brings the time.
#pragma once

#include <array>
#include <cstddef>
#include <ctime>
#include <optional>
#include <string_view>

namespace spindle::http {

inline constexpr std::size_t kDateBytes = 29;  ///< "Sun, 06 Nov 1994 08:49:37 GMT"

/// Writes the IMF-fixdate of `time`, which must lie in the years 1970 to 9999.
void format_date(std::time_t time, std::array<char, kDateBytes>& into) noexcept;

/// Reads IMF-fixdate and the two obsolete forms (RFC 850, asctime). Nothing for anything else, also for
/// days that no month has.
[[nodiscard]] std::optional<std::time_t> parse_date(std::string_view text) noexcept;

}  // namespace spindle::http
