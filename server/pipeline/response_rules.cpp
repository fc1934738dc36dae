// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/response_rules.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "server/http/serialise.hpp"

namespace spindle::pipeline {

using config::Header;
using http::iequals;
using http::Request;
using http::Response;

namespace {

// What scanners and the Fetch standard ask for and breaks no page of one's own origin.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kSecurityHeaders{
    {{"X-Content-Type-Options", "nosniff"},
     {"X-Frame-Options", "SAMEORIGIN"},
     {"Referrer-Policy", "strict-origin-when-cross-origin"},
     {"Cross-Origin-Opener-Policy", "same-origin"}}};

constexpr std::string_view kContentType = "Content-Type";

void drop(std::vector<Header>& headers, std::string_view name) {
    std::erase_if(headers, [&](const Header& header) { return iequals(header.name, name); });
}

void remove(Response& response, std::string_view name) {
    if (iequals(name, kContentType)) response.content_type = {};
    response.remove(name);
}

void add_unless_there(Response& response, std::string_view name, std::string_view value) {
    if (!response.field(name)) response.set(name, value);
}

bool is_successful(std::uint16_t status) noexcept { return status == 200 || status == 206 || status == 304; }

bool says_nothing(const config::ResponseRules& rules) {
    return rules.set_headers.empty() && rules.add_headers.empty() && rules.remove_headers.empty() &&
           !rules.security_headers.value_or(false) && rules.cache_control.empty() && rules.error_pages.empty() &&
           rules.cors_origins.empty();
}

}  // namespace

config::ResponseRules merged(config::ResponseRules outer, const config::ResponseRules& nearer) {
    for (const std::string& name : nearer.remove_headers) {
        drop(outer.set_headers, name);
        drop(outer.add_headers, name);
    }
    for (const Header& header : nearer.set_headers) {
        drop(outer.set_headers, header.name);
        drop(outer.add_headers, header.name);
    }
    const auto append = [](auto& into, const auto& from) { into.insert(into.end(), from.begin(), from.end()); };
    append(outer.set_headers, nearer.set_headers);
    append(outer.add_headers, nearer.add_headers);
    append(outer.remove_headers, nearer.remove_headers);
    for (const config::ErrorPage& page : nearer.error_pages) {
        std::erase_if(outer.error_pages, [&](const auto& other) { return other.status == page.status; });
        outer.error_pages.push_back(page);
    }
    const auto take = [](auto& into, const auto& from) {
        if (from != std::remove_cvref_t<decltype(from)>{}) into = from;
    };
    take(outer.security_headers, nearer.security_headers);
    take(outer.cache_control, nearer.cache_control);
    take(outer.cors_origins, nearer.cors_origins);
    take(outer.cors_methods, nearer.cors_methods);
    take(outer.cors_headers, nearer.cors_headers);
    take(outer.cors_expose_headers, nearer.cors_expose_headers);
    take(outer.cors_credentials, nearer.cors_credentials);
    take(outer.cors_max_age, nearer.cors_max_age);
    return outer;
}

ResponseRules::ResponseRules(config::ResponseRules merged) : rules_(std::move(merged)), cors_(rules_) {}

std::expected<std::shared_ptr<const ResponseRules>, std::string> ResponseRules::make(
    std::span<const config::ResponseRules* const> levels, const http::MimeTypes& types) {
    config::ResponseRules all;
    for (const config::ResponseRules* level : levels) all = merged(std::move(all), *level);
    if (says_nothing(all)) return nullptr;
    std::shared_ptr<ResponseRules> made(new ResponseRules(std::move(all)));
    for (const config::ErrorPage& page : made->rules_.error_pages) {
        std::ifstream file(page.file, std::ios::binary);
        std::string body(std::istreambuf_iterator<char>(file), {});
        if (!file) {
            return std::unexpected(
                fmt::format("error page {} cannot be read: {}", page.file.string(), ::strerrordesc_np(errno)));
        }
        made->pages_.push_back({page.status, std::move(body), std::string(types.of(page.file.native()))});
    }
    return made;
}

void ResponseRules::apply(const Request& request, Response& response) const {
    const auto page = std::ranges::find(pages_, response.status, &Page::status);
    if (page != pages_.end()) {
        response.body = std::string_view(page->body);
        response.content_type = page->type;
        response.remove("Content-Encoding");  // of the body that it had
    }
    for (const std::string& name : rules_.remove_headers) remove(response, name);
    for (const Header& header : rules_.set_headers) {
        // Caches must be told of all that a response varies by: what else there is stays.
        if (!iequals(header.name, "Vary")) remove(response, header.name);
        if (!iequals(header.name, kContentType)) response.set(header.name, header.value);
        else if (!http::is_bodiless(response.status)) response.content_type = header.value;
    }
    for (const Header& header : rules_.add_headers) response.set(header.name, header.value);
    if (!rules_.cache_control.empty() && is_successful(response.status))
        add_unless_there(response, "Cache-Control", rules_.cache_control);
    if (rules_.security_headers.value_or(false)) {
        for (const auto& [name, value] : kSecurityHeaders) add_unless_there(response, name, value);
    }
    if (cors_.enabled()) cors_.allow_origin(request, response);
}

}  // namespace spindle::pipeline
