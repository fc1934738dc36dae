// SPDX-License-Identifier: Apache-2.0
#include "config/units.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <span>

namespace spindle::config {
namespace {

struct Unit {
    std::string_view suffix;
    std::uint64_t factor;
    bool printed = true;  ///< used by format()
};

constexpr auto kSizes = std::to_array<Unit>({
    {"GiB", 1ULL << 30},
    {"MiB", 1ULL << 20},
    {"KiB", 1ULL << 10},
    {"B", 1},
});

/// Minutes and hours are read, but not written: "75s" should come back as it went in.
constexpr auto kDurations = std::to_array<Unit>({
    {"h", 3'600'000'000'000, false},
    {"m", 60'000'000'000, false},
    {"s", 1'000'000'000},
    {"ms", 1'000'000},
    {"us", 1'000},
    {"ns", 1},
});

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units, std::uint64_t max) noexcept {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return {};
    const std::string_view suffix = text.substr(static_cast<std::size_t>(end - text.data()));
    for (const Unit& unit : units) {
        if (suffix == unit.suffix && number <= max / unit.factor) return number * unit.factor;
    }
    return {};
}

std::string format(std::uint64_t number, std::span<const Unit> units) {
    for (const Unit& unit : units) {
        const bool fits = number % unit.factor == 0 && (number != 0 || unit.factor == 1 || unit.suffix == "s");
        if (unit.printed && fits) return std::to_string(number / unit.factor).append(unit.suffix);
    }
    return std::to_string(number);
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
    return parse(text, kSizes, std::numeric_limits<std::uint64_t>::max());
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) noexcept {
    const auto number = parse(text, kDurations, std::numeric_limits<std::int64_t>::max());
    if (!number) return {};
    return std::chrono::nanoseconds(static_cast<std::int64_t>(*number));
}

std::string format_size(std::uint64_t bytes) { return format(bytes, kSizes); }

std::string format_duration(std::chrono::nanoseconds duration) {
    return format(static_cast<std::uint64_t>(duration.count()), kDurations);
}

}  // namespace spindle::config
