// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/admission.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "server/http/text.hpp"
#include "server/pipeline/rate_limiter.hpp"

namespace spindle::pipeline {
namespace {

/// The target without scheme and authority, as the client sent it: a rewrite has changed the path.
std::string_view path_and_query(std::string_view target) noexcept {
    if (target.starts_with('/')) return target;
    target.remove_prefix(std::min(target.find("://") + 3, target.size()));
    return target.substr(std::min(target.find_first_of("/?"), target.size()));
}

/// Of a body that is there, or is what the method is for (RFC 9110 section 15.5.12).
bool lacks_length(const Request& request) noexcept {
    using enum http::Method;
    const bool meant = request.method == post || request.method == put || request.method == patch;
    return request.chunked || (meant && !request.content_length);
}

/// Leads to https only who is known to have come by http. Who asks again by https and is told the same, since no
/// proxy says so, would go in a circle.
Refusal https_needed(const Request& request, const Client& client) {
    const std::string_view host = http::without_port(request.host);
    if (client.scheme != "http" || host.empty()) {
        constexpr const char* kWhy =
            "403 Forbidden: only https is answered here, and no trusted proxy says that it was used\n";
        return {Response::text(403, kWhy), Reason::https_needed};
    }
    std::string location = "https://";
    location.append(host).append(path_and_query(request.target));
    Response response = Response::text(308, "see " + location + "\n");
    // A cache for many that does not tell http from https would answer https with it.
    response.set("Location", location).set("Cache-Control", "private");
    return {std::move(response), std::nullopt};
}

}  // namespace

std::optional<Refusal> refusal_of(const Route* route, const Request& request, const Client& client,
                                  std::chrono::nanoseconds now) {
    if (request.names_https && client.scheme != "https") {  // RFC 9110 section 7.4
        constexpr const char* kWhy = "421 Misdirected Request: https is asked for, by plain http\n";
        return Refusal{Response::text(421, kWhy), Reason::misdirected_scheme};
    }
    if (route == nullptr) return std::nullopt;
    if (!route->admits(client.address)) return Refusal{Response::text(403, "403 Forbidden\n"), Reason::denied};
    if (route->https_only && client.scheme != "https") return https_needed(request, client);
    if (route->length_required && lacks_length(request))
        return Refusal{Response::text(411, "411 Length Required\n"), Reason::length_required};
    if (route->rate_limit == nullptr) return std::nullopt;
    const auto wait = route->rate_limit->take(client.address.network(), now);
    if (wait.count() <= 0) return std::nullopt;
    Response response = Response::text(429, "429 Too Many Requests\n");
    response.set("Retry-After", std::to_string(std::chrono::ceil<std::chrono::seconds>(wait).count()));
    return Refusal{std::move(response), Reason::rate_limited};
}

}  // namespace spindle::pipeline
