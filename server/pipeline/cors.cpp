// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/cors.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace spindle::pipeline {

namespace {

/// An OPTIONS that a browser sends before what its page wants to send.
bool is_preflight(const http::Request& request) noexcept {
    return request.method == http::Method::options && request.field("Access-Control-Request-Method");
}

}  // namespace

Cors::Cors(const config::ResponseRules& rules)
    : origins_(rules.cors_origins),
      any_origin_(std::ranges::find(origins_, "*") != origins_.end()),
      credentials_(rules.cors_credentials.value_or(false)),
      methods_(fmt::format("{}", fmt::join(rules.cors_methods, ", "))),
      headers_(fmt::format("{}", fmt::join(rules.cors_headers, ", "))),
      exposed_(fmt::format("{}", fmt::join(rules.cors_expose_headers, ", "))) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(rules.cors_max_age).count();
    if (seconds > 0) max_age_ = std::to_string(seconds);
}

bool Cors::allows(std::string_view origin) const noexcept {
    return any_origin_ || std::ranges::find(origins_, origin) != origins_.end();
}

// Who reads depends on Origin, so caches must know, also where this one is not let in.
void Cors::allow_origin(const http::Request& request, http::Response& response) const {
    if (any_origin_) {
        response.set("Access-Control-Allow-Origin", "*");
    } else {
        response.set("Vary", "Origin");
        const auto origin = request.field("Origin");
        if (!origin || !allows(*origin)) return;
        response.set("Access-Control-Allow-Origin", *origin);
        if (credentials_) response.set("Access-Control-Allow-Credentials", "true");
    }
    if (!exposed_.empty() && !is_preflight(request)) response.set("Access-Control-Expose-Headers", exposed_);
}

void Cors::answer_preflight(const http::Request& request, http::Response& response, std::string_view allow) const {
    const auto origin = request.field("Origin");
    if (!origin || !allows(*origin) || !is_preflight(request)) return;
    response.set("Access-Control-Allow-Methods", methods_.empty() ? allow : std::string_view(methods_));
    if (!headers_.empty()) response.set("Access-Control-Allow-Headers", headers_);
    if (!max_age_.empty()) response.set("Access-Control-Max-Age", max_age_);
}

}  // namespace spindle::pipeline
