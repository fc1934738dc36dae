// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/admission.hpp"

#include <doctest/doctest.h>

#include <string>

#include "config/network.hpp"

using namespace spindle::pipeline;

namespace {

/// "308 https://a.test/" or "403", "200" for who may ask.
std::string answered(std::string_view scheme, std::string_view target, std::string_view host = "a.test") {
    const Route route{.path = "/", .handler = {}, .https_only = true};
    Request request;
    request.target = target;
    request.path = "/rewritten";
    request.host = host;
    const auto refusal = refusal_of(&route, request, {.address = *PeerAddress::parse("::1"), .scheme = scheme}, {});
    if (!refusal) return "200";
    const auto location = refusal->response.field("Location");
    return std::to_string(refusal->response.status) + (location ? " " + std::string(*location) : "");
}

}  // namespace

TEST_CASE("admission: http is led to the same by https, as it was asked for") {
    CHECK(answered("http", "/a%20b?c=d") == "308 https://a.test/a%20b?c=d");
    CHECK(answered("http", "http://a.test:80/a?b") == "308 https://a.test/a?b");
    CHECK(answered("http", "http://a.test") == "308 https://a.test");
    CHECK(answered("http", "http://a.test?b") == "308 https://a.test?b");
    CHECK(answered("http", "//b.test/") == "308 https://a.test//b.test/");
}

TEST_CASE("admission: https has a port of its own") {
    CHECK(answered("http", "/", "a.test:8080") == "308 https://a.test/");
    CHECK(answered("http", "/", "[::1]:8080") == "308 https://[::1]/");
}

TEST_CASE("admission: nobody is led in a circle") {
    CHECK(answered("https", "/") == "200");
    CHECK(answered("", "/") == "403");
    CHECK(answered("http", "/", "") == "403");
}

TEST_CASE("admission: each refusal has a reason of its own, leading on has none") {
    const Client client{.address = *PeerAddress::parse("::1"), .scheme = "http"};
    const Route secure{.path = "/", .handler = {}, .https_only = true};
    const Route closed{.path = "/", .handler = {}, .clients_denied = {*spindle::config::parse_network("::1")}};
    Request request;
    request.target = "/";
    CHECK(refusal_of(&closed, request, client, {})->reason == Reason::denied);
    CHECK(refusal_of(&secure, request, client, {})->reason == Reason::https_needed);
    request.host = "a.test";
    CHECK(refusal_of(&secure, request, client, {})->reason == std::nullopt);
    request.names_https = true;
    CHECK(refusal_of(&secure, request, client, {})->reason == Reason::misdirected_scheme);
}
