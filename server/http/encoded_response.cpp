// SPDX-License-Identifier: Apache-2.0
#include "server/http/encoded_response.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <variant>

#include "server/http/text.hpp"

namespace spindle::http {
namespace {

/// What is said of a body that is not sent.
constexpr std::array<std::string_view, 7> kOfTheBody{
    "accept-ranges", "cache-control", "content-disposition", "content-range", "content-type", "etag", "last-modified"};

auto find(auto& fields, std::string_view name) noexcept {
    return std::ranges::find_if(fields, [&](const ResponseField& field) { return iequals(field.name, name); });
}

}  // namespace

bool varies_by_encoding(const Response& response) noexcept {
    std::string_view list = response.field("vary").value_or("");
    while (!list.empty()) {
        const std::string_view item = take_until(list, ',');
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
    response.remove("accept-ranges");
}

void heed_refused_identity(const Request& request, Response& response) {
    if (!refuses_identity(request)) [[likely]]
        return;
    if (std::holds_alternative<std::monostate>(response.body) || response.field("content-encoding")) return;
    if (response.status < 400) {
        if (request.method != Method::get && request.method != Method::head) return;
        response.status = 406;
        for (const std::string_view name : kOfTheBody) response.remove(name);
        vary_by_encoding(response);
    }
    response.body = {};
    response.content_type = {};
}

}  // namespace spindle::http
