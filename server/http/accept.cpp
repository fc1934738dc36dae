// SPDX-License-Identifier: Apache-2.0
#include "server/http/accept.hpp"

#include <algorithm>

#include "server/http/request.hpp"
#include "server/http/text.hpp"

namespace spindle::http {

namespace {

constexpr unsigned kWhole = 1000;

/// 0: does not fit; the more, the closer.
unsigned closeness(std::string_view range, std::string_view type) noexcept {
    if (iequals(range, type)) return 3;
    if (range == "*/*") return 1;
    const std::string_view family = type.substr(0, type.find('/') + 1);
    return range.size() == family.size() + 1 && range.ends_with('*') && iequals(range.substr(0, family.size()), family)
               ? 2
               : 0;
}

/// Of the parameters behind a range; those of the type itself are passed over.
unsigned weight_among(std::string_view parameters) noexcept {
    while (!parameters.empty()) {
        std::string_view value = take_until(parameters, ';');
        const std::string_view name = take_until(value, '=');
        if (iequals(name, "q")) return read_weight(trimmed(value));
    }
    return kWhole;
}

}  // namespace

unsigned read_weight(std::string_view text) noexcept {
    if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return 0;
    if (text.size() > 1 && text[1] != '.') return 0;
    unsigned weight = text[0] == '1' ? kWhole : 0;
    unsigned unit = 100;
    for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
        if (c < '0' || c > '9') return 0;
        weight += unit * static_cast<unsigned>(c - '0');
        unit /= 10;
    }
    return weight <= kWhole ? weight : 0;
}

unsigned weight_of_type(std::string_view accept, std::string_view type) noexcept {
    if (trimmed(accept).empty()) return kWhole;
    unsigned closest = 0;
    unsigned weight = 0;
    while (!accept.empty()) {
        std::string_view item = take_until(accept, ',');
        const std::string_view range = take_until(item, ';');
        const unsigned close = closeness(range, type);
        if (close <= closest) continue;
        closest = close;
        weight = weight_among(item);
    }
    return weight;
}

}  // namespace spindle::http
