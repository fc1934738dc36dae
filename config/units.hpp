// SPDX-License-Identifier: Apache-2.0
//
// Sizes ("16KiB") and durations ("1.5s" is not one, "1500ms" is) as text. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spindle::config {

/// Bytes of a whole number with B, KiB, MiB or GiB. Nothing for other text; "16M" is ambiguous, so it is other text.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text) noexcept;

/// A whole number with ns, us, ms, s, m or h.
[[nodiscard]] std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) noexcept;

/// In the largest unit that needs no fraction; parse_*() reads it back.
[[nodiscard]] std::string format_size(std::uint64_t bytes);
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds duration);

}  // namespace spindle::config
