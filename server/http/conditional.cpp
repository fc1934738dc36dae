// SPDX-License-Identifier: Apache-2.0
#include "server/http/conditional.hpp"

#include <algorithm>
#include <optional>

#include "server/http/date.hpp"

namespace spindle::http {
namespace {

constexpr std::string_view kWeak = "W/";

std::string_view opaque(std::string_view etag) noexcept {
    return etag.starts_with(kWeak) ? etag.substr(kWeak.size()) : etag;
}

/// The field may come on several lines, which count as one list (section 5.3).
template <class Predicate>
bool any_line(const Request& request, std::string_view name, Predicate predicate) {
    return std::ranges::any_of(request.fields,
                               [&](const Field& field) { return iequals(field.name, name) && predicate(field.value); });
}

/// One that is there twice is a list, and no date (sections 13.1.3 and 13.1.4).
std::optional<std::time_t> date_in(const Request& request, std::string_view name) noexcept {
    std::optional<std::string_view> only;
    for (const Field& field : request.fields) {
        if (!iequals(field.name, name)) continue;
        if (only) return std::nullopt;
        only = field.value;
    }
    return only ? parse_date(*only) : std::nullopt;
}

}  // namespace

bool has_etag(std::string_view list, std::string_view etag, Comparison comparison) noexcept {
    if (list == "*") return true;
    while (true) {
        const std::size_t start = list.find_first_not_of(" \t,");
        if (start == list.npos) return false;
        list.remove_prefix(start);
        const std::size_t open = list.starts_with(kWeak) ? kWeak.size() : 0;
        if (open >= list.size() || list[open] != '"') return false;  // not an entity-tag: nothing after it is trusted
        const std::size_t close = list.find('"', open + 1);
        if (close == list.npos) return false;
        const std::string_view candidate = list.substr(0, close + 1);
        const bool comparable = comparison == Comparison::weak || (open == 0 && !etag.starts_with(kWeak));
        if (comparable && opaque(candidate) == opaque(etag)) return true;
        list.remove_prefix(close + 1);
    }
}

Precondition evaluate(const Request& request, std::string_view etag, std::time_t last_modified) noexcept {
    const auto matches = [&](Comparison comparison) {
        return [=](std::string_view value) { return has_etag(value, etag, comparison); };
    };

    if (request.field("if-match")) {
        if (!any_line(request, "if-match", matches(Comparison::strong))) return Precondition::failed;
    } else if (const auto date = date_in(request, "if-unmodified-since"); date && last_modified > *date) {
        return Precondition::failed;
    }

    const bool safe = request.method == Method::get || request.method == Method::head;
    if (request.field("if-none-match")) {
        if (any_line(request, "if-none-match", matches(Comparison::weak))) {
            return safe ? Precondition::not_modified : Precondition::failed;
        }
    } else if (const auto date = date_in(request, "if-modified-since"); safe && date && last_modified <= *date) {
        return Precondition::not_modified;
    }
    return Precondition::proceed;
}

}  // namespace spindle::http
