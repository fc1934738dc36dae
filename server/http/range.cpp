// SPDX-License-Identifier: Apache-2.0
#include "server/http/range.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "server/http/date.hpp"
#include "server/http/text.hpp"

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
bool if_range_holds(const Request& request, std::string_view etag, std::optional<std::time_t> modified) noexcept {
    const auto value = request.field("if-range");
    if (!value) return true;
    if (value->ends_with('"')) return *value == etag && !etag.starts_with("W/");
    return modified && parse_date(*value) == *modified;
}

/// One range-spec, as it is written: whole (it is none), unsatisfiable, or a part.
struct Spec {
    RangeKind kind = RangeKind::whole;
    ByteRange range{};
};

Spec read_spec(std::string_view spec, std::uint64_t size) noexcept {
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

/// A list with one mistake in it is no list.
RangeDecision read_list(std::string_view list, std::uint64_t size) {
    RangeDecision decision;
    while (!list.empty()) {
        const std::string_view item = take_until(list, ',');
        if (item.empty()) continue;  // section 5.6.1.2
        const Spec spec = read_spec(item, size);
        if (spec.kind == RangeKind::whole) return {};
        if (spec.kind == RangeKind::partial) decision.ranges.push_back(spec.range);
        else if (decision.kind == RangeKind::whole) decision.kind = RangeKind::unsatisfiable;
    }
    if (!decision.ranges.empty()) decision.kind = RangeKind::partial;
    return decision;
}

/// What overlaps or touches becomes one range, at the place of the first of them.
void join(std::vector<ByteRange>& ranges) {
    struct Placed {
        ByteRange range;
        std::size_t place;
    };
    std::vector<Placed> sorted;
    sorted.reserve(ranges.size());
    for (const ByteRange& range : ranges) sorted.push_back({range, sorted.size()});
    std::ranges::sort(sorted, {}, [](const Placed& placed) { return placed.range.first; });

    std::vector<Placed> joined;
    for (const Placed& next : sorted) {
        if (!joined.empty() && next.range.first <= joined.back().range.last + 1) {
            Placed& before = joined.back();
            before.range.last = std::max(before.range.last, next.range.last);
            before.place = std::min(before.place, next.place);
        } else {
            joined.push_back(next);
        }
    }
    std::ranges::sort(joined, {}, &Placed::place);
    ranges.clear();
    for (const Placed& placed : joined) ranges.push_back(placed.range);
}

}  // namespace

RangeDecision decide_range(const Request& request, std::uint64_t size, std::string_view etag,
                           std::optional<std::time_t> modified) {
    if (request.method != Method::get) return {};
    const auto value = request.field("range");
    if (!value || value->size() <= kUnit.size() || !iequals(value->substr(0, kUnit.size()), kUnit)) return {};
    if (!if_range_holds(request, etag, modified)) return {};
    RangeDecision decision = read_list(value->substr(kUnit.size()), size);
    if (decision.ranges.size() > 1) join(decision.ranges);
    if (decision.ranges.size() > kRangesMax) return {};
    return decision;
}

}  // namespace spindle::http
