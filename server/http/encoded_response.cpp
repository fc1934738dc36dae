// SPDX-License-Identifier: Apache-2.0
#include "server/http/encoded_response.hpp"

#include <algorithm>

namespace spindle::http {
namespace {

auto find(auto& fields, std::string_view name) noexcept {
    return std::ranges::find_if(fields, [&](const ResponseField& field) { return iequals(field.name, name); });
}

}  // namespace

std::optional<std::string_view> field_of(const Response& response, std::string_view name) noexcept {
    const auto found = find(response.fields, name);
    if (found == response.fields.end()) return std::nullopt;
    return found->value;
}

bool varies_by_encoding(const Response& response) noexcept {
    std::string_view list = field_of(response, "vary").value_or("");
    while (!list.empty()) {
        std::string_view item = list.substr(0, list.find(','));
        list.remove_prefix(std::min(item.size() + 1, list.size()));
        while (item.starts_with(' ')) item.remove_prefix(1);
        while (item.ends_with(' ')) item.remove_suffix(1);
        if (item == "*" || iequals(item, "accept-encoding")) return true;
    }
    return false;
}

void vary_by_encoding(Response& response) {
    if (varies_by_encoding(response)) return;
    const auto vary = find(response.fields, "vary");
    if (vary == response.fields.end()) response.set("Vary", "Accept-Encoding");
    else vary->value += ", Accept-Encoding";
}

void mark_encoded(Response& response, Coding coding) {
    response.set("Content-Encoding", to_string(coding));
    const auto etag = find(response.fields, "etag");
    if (etag != response.fields.end() && !etag->value.starts_with("W/")) etag->value.insert(0, "W/");
    std::erase_if(response.fields, [](const ResponseField& field) { return iequals(field.name, "accept-ranges"); });
}

}  // namespace spindle::http
