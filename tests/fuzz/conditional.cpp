// SPDX-License-Identifier: Apache-2.0
//
// Whatever a request makes its answer depend on: what comes of it is what RFC 9110 says, of which this is a second
// reading, step by step. The input is two letters (g, h or any other for the method; w for a weak tag) and a line end,
// then fields, one a line.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/conditional.hpp"
#include "server/http/date.hpp"
#include "server/http/range.hpp"

namespace {

using namespace spindle::http;

constexpr std::time_t kModified = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT
constexpr std::time_t kYear10000 = 253402300800;

void demand(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

std::vector<std::string_view> values_of(const Request& request, std::string_view name) {
    std::vector<std::string_view> values;
    for (const Field& field : request.fields) {
        if (iequals(field.name, name)) values.push_back(field.value);
    }
    return values;
}

// ---- entity-tags (section 8.8.3)

struct Tag {
    bool weak;
    std::string_view opaque;
};

/// Those before the first mistake.
std::vector<Tag> tags_in(std::string_view list) {
    std::vector<Tag> tags;
    for (std::size_t at = 0; at < list.size();) {
        if (list[at] == ' ' || list[at] == '\t' || list[at] == ',') {
            ++at;
            continue;
        }
        const bool weak = list.substr(at, 2) == "W/";
        const std::size_t open = weak ? at + 2 : at;
        if (list.substr(open, 1) != "\"") break;
        const std::size_t close = list.find('"', open + 1);
        if (close == list.npos) break;
        tags.push_back({weak, list.substr(open, close + 1 - open)});
        at = close + 1;
    }
    return tags;
}

bool is_listed(const Tag& ours, std::string_view list, bool strongly) {
    if (list == "*") return true;
    for (const Tag& tag : tags_in(list)) {
        if (tag.opaque == ours.opaque && !(strongly && (tag.weak || ours.weak))) return true;
    }
    return false;
}

// ---- preconditions (section 13.2.2)

/// The field is ignored if it has more than one member, or is no date.
std::optional<std::time_t> date_in(const std::vector<std::string_view>& values) {
    return values.size() == 1 ? parse_date(values.front()) : std::nullopt;
}

bool any_listed(const Tag& ours, const std::vector<std::string_view>& lists, bool strongly) {
    bool any = false;
    for (const std::string_view list : lists) any = any || is_listed(ours, list, strongly);
    return any;
}

Precondition by_the_steps(const Request& request, const Tag& ours) {
    const auto match = values_of(request, "If-Match");
    const auto unmodified = date_in(values_of(request, "If-Unmodified-Since"));
    const auto none_match = values_of(request, "If-None-Match");
    const auto modified = date_in(values_of(request, "If-Modified-Since"));
    const bool reads = request.method == Method::get || request.method == Method::head;
    int step = 1;
    while (step < 5) {
        switch (step) {
            case 1:
                if (match.empty()) step = 2;
                else if (any_listed(ours, match, true)) step = 3;
                else return Precondition::failed;
                break;
            case 2:
                if (unmodified && !(kModified <= *unmodified)) return Precondition::failed;
                step = 3;
                break;
            case 3:
                if (none_match.empty()) step = 4;
                else if (!any_listed(ours, none_match, false)) step = 5;
                else return reads ? Precondition::not_modified : Precondition::failed;
                break;
            default:
                if (reads && modified && !(kModified > *modified)) return Precondition::not_modified;
                step = 5;
        }
    }
    return Precondition::proceed;
}

// ---- If-Range (section 13.1.5)

void check_if_range(const Request& request, const Tag& ours, const std::string& etag) {
    Request asking;
    asking.fields = {{"Range", "bytes=0-0"}};
    asking.fields.insert(asking.fields.end(), request.fields.begin(), request.fields.end());
    const auto values = values_of(request, "If-Range");
    const bool same_tag = !values.empty() && !ours.weak && values.front() == ours.opaque;
    const bool same_date = !values.empty() && parse_date(values.front()) == kModified;
    demand((decide_range(asking, 10, etag, std::nullopt).kind == RangeKind::partial) == (values.empty() || same_tag),
           "a part by a tag");
    demand((decide_range(asking, 10, etag, kModified).kind == RangeKind::partial) ==
               (values.empty() || same_tag || same_date),
           "a part by a date");
}

// ---- dates (section 5.6.7)

/// Two digits; -1 if they are none.
int two(std::string_view text, std::size_t at) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return is_digit(text[at]) && is_digit(text[at + 1]) ? (text[at] - '0') * 10 + (text[at + 1] - '0') : -1;
}

/// Of an IMF-fixdate, by the calendar of the standard library; the day's name may be any.
std::optional<std::time_t> fixdate(std::string_view text) {
    constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
    constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const auto place = [](std::string_view names, std::string_view name) {
        for (std::size_t i = 0; i < names.size(); i += 3) {
            if (names.substr(i, 3) == name) return static_cast<int>(i / 3);
        }
        return -1;
    };
    if (text.size() != kDateBytes || place(kDays, text.substr(0, 3)) < 0) return {};
    const std::string marks{text[3], text[4], text[7], text[11], text[16], text[19], text[22]};
    if (marks != ",    ::" || text.substr(25) != " GMT") return {};
    const int month = place(kMonths, text.substr(8, 3));
    const int century = two(text, 12);
    const int year = two(text, 14);
    const int hour = two(text, 17);
    const int minute = two(text, 20);
    const int second = two(text, 23);
    if (month < 0 || century < 0 || year < 0 || hour < 0 || minute < 0 || second < 0) return {};
    const std::chrono::year_month_day day{std::chrono::year(century * 100 + year),
                                          std::chrono::month(static_cast<unsigned>(month) + 1),
                                          std::chrono::day(static_cast<unsigned>(two(text, 5)))};
    if (!day.ok() || hour > 23 || minute > 59 || second > 60) return {};
    const auto days = std::chrono::sys_days(day).time_since_epoch().count();
    return std::time_t{days} * 86400 + hour * 3600 + minute * 60 + second;
}

void check_date(std::string_view text) {
    const auto time = parse_date(text);
    if (text.size() > 3 && text[3] == ',') demand(time == fixdate(text), "another date");
    if (!time || *time < 0 || *time >= kYear10000) return;
    std::array<char, kDateBytes> written{};
    format_date(*time, written);
    demand(parse_date({written.data(), written.size()}) == *time, "a date that is not read back");
}

// ---- the input

Request request_of(std::string_view head, std::string_view lines) {
    Request request;
    request.method = head.starts_with('g') ? Method::get : head.starts_with('h') ? Method::head : Method::put;
    while (!lines.empty()) {
        const std::string_view line = lines.substr(0, lines.find('\n'));
        lines.remove_prefix(line.size() < lines.size() ? line.size() + 1 : line.size());
        const std::size_t colon = line.find(": ");
        if (colon != line.npos) request.fields.push_back({line.substr(0, colon), line.substr(colon + 2)});
    }
    return request;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 3) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const Tag ours{.weak = text[1] == 'w', .opaque = "\"v1\""};
    const std::string etag = (ours.weak ? "W/" : "") + std::string(ours.opaque);
    const Request request = request_of(text, text.substr(3));
    demand(evaluate(request, etag, kModified) == by_the_steps(request, ours), "another outcome than by the steps");
    check_if_range(request, ours, etag);
    for (const Field& field : request.fields) check_date(field.value);
    return 0;
}
