// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/response_rules.hpp"

#include <doctest/doctest.h>

#include <array>

#include <fmt/format.h>

using namespace spindle;
using pipeline::merged;
using pipeline::ResponseRules;
using Rules = config::ResponseRules;

namespace {

/// A response with X: own, after the rules of these levels.
std::string applied(const std::vector<Rules>& levels, std::uint16_t status = 200) {
    std::vector<const Rules*> pointers;
    for (const Rules& level : levels) pointers.push_back(&level);
    const auto rules = ResponseRules::make(pointers, {});
    REQUIRE(rules.has_value());
    http::Response response;
    response.status = status;
    response.set("X", "own");
    if (*rules != nullptr) (*rules)->apply({}, response);
    std::string text;
    for (const http::ResponseField& field : response.fields) text += fmt::format("{}={} ", field.name, field.value);
    return text;
}

}  // namespace

TEST_CASE("What nobody says costs nothing") {
    const Rules empty;
    const std::array<const Rules*, 2> levels{&empty, &empty};
    CHECK(ResponseRules::make(levels, {}).value() == nullptr);
}

TEST_CASE("A nearer level keeps what the outer one says of other names") {
    const Rules outer{.set_headers = {{"A", "1"}, {"B", "1"}}};
    CHECK(applied({outer, {.set_headers = {{"b", "2"}, {"C", "2"}}}}) == "X=own A=1 b=2 C=2 ");
    CHECK(applied({outer, {.add_headers = {{"A", "2"}}}}) == "X=own A=1 B=1 A=2 ");
    CHECK(applied({outer, {.remove_headers = {"a"}}}) == "X=own B=1 ");
    CHECK(applied({{.remove_headers = {"X"}}, {.set_headers = {{"X", "2"}}}}) == "X=2 ");
    CHECK(applied({{.set_headers = {{"X", "1"}}}}) == "X=1 ");
    CHECK(applied({outer, {}, {}}) == applied({outer}));
}

TEST_CASE("Cache-Control is said of successes, unless the handler says it") {
    const Rules rules{.cache_control = "max-age=1"};
    CHECK(applied({rules}) == "X=own Cache-Control=max-age=1 ");
    CHECK(applied({rules}, 304) == "X=own Cache-Control=max-age=1 ");
    CHECK(applied({rules}, 404) == "X=own ");
    CHECK(applied({rules, {.set_headers = {{"cache-control", "no-store"}}}}) == "X=own cache-control=no-store ");
    CHECK(applied({rules, {.cache_control = "no-cache"}}) == "X=own Cache-Control=no-cache ");
}

TEST_CASE("A flag that a nearer level says wins, also by false") {
    const Rules on{.security_headers = true};
    CHECK(applied({on}).find("nosniff") != std::string::npos);
    CHECK(applied({on, {}}).find("nosniff") != std::string::npos);
    CHECK(applied({on, {.security_headers = false}}) == "X=own ");
}

TEST_CASE("An error page that cannot be read is named") {
    const Rules rules{.error_pages = {{.status = 404, .file = "/no/such/page.html"}}};
    const std::array<const Rules*, 1> levels{&rules};
    const auto made = ResponseRules::make(levels, {});
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error() == "error page /no/such/page.html cannot be read: No such file or directory");
}

TEST_CASE("A nearer level says anew which headers pages of others may read") {
    const Rules outer{.cors_origins = {"*"}, .cors_expose_headers = {"A", "B"}};
    const std::string open = "X=own Access-Control-Allow-Origin=* Access-Control-Expose-Headers=";
    CHECK(applied({outer}) == open + "A, B ");
    CHECK(applied({outer, {}}) == open + "A, B ");
    CHECK(applied({outer, {.cors_expose_headers = {"C"}}}) == open + "C ");
}
