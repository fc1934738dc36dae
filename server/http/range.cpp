// SPDX-License-Identifier: Apache-2.0
#include "server/http/range.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "server/http/conditional.hpp"
#include "server/http/date.hpp"

namespace spindle::http {
namespace {

constexpr std::string_view kUnit = "bytes=";

/// Digits only; a number that no file reaches is as good as the largest.
std::optional<std::uint64_t> position(std::string_view digits) noexcept {
    if (digits.empty() || !std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; })) return {};
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc::result_out_of_range ? std::numeric_limits<std::uint64_t>::max() : value;
}

/// Section 13.1.5: an exact, strong match of the tag or of the date; anything else means the whole.
bool if_range_holds(const Request& request, std::string_view etag, std::time_t last_modified) noexcept {
    const auto value = request.field("if-range");
    if (!value) return true;
    if (value->ends_with('"')) return *value != "*" && has_etag(*value, etag, Comparison::strong);
    return parse_date(*value) == last_modified;
}

RangeDecision of_spec(std::string_view spec, std::uint64_t size) noexcept {
    const std::size_t dash = spec.find('-');
    if (dash == spec.npos) return {};
    const std::string_view first_text = spec.substr(0, dash);
    const std::string_view last_text = spec.substr(dash + 1);
    const auto first = position(first_text);
    const auto last = position(last_text);

    if (first_text.empty()) {  // "-N": the last N bytes
        if (!last) return {};
        if (*last == 0 || size == 0) return {RangeKind::unsatisfiable};
        return {RangeKind::partial, {size - std::min(*last, size), size - 1}};
    }
    if (!first || (!last && !last_text.empty()) || (last && *last < *first)) return {};
    if (*first >= size) return {RangeKind::unsatisfiable};
    return {RangeKind::partial, {*first, last ? std::min(*last, size - 1) : size - 1}};
}

}  // namespace

RangeDecision decide_range(const Request& request, std::uint64_t size, std::string_view etag,
                           std::time_t last_modified) noexcept {
    if (request.method != Method::get) return {};
    const auto value = request.field("range");
    if (!value || value->size() <= kUnit.size() || !iequals(value->substr(0, kUnit.size()), kUnit)) return {};
    if (!if_range_holds(request, etag, last_modified)) return {};
    std::string_view spec = value->substr(kUnit.size());
    while (spec.starts_with(' ')) spec.remove_prefix(1);
    while (spec.ends_with(' ')) spec.remove_suffix(1);
    return of_spec(spec, size);
}

}  // namespace spindle::http
