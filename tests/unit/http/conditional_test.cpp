// SPDX-License-Identifier: Apache-2.0
#include "server/http/conditional.hpp"

#include <doctest/doctest.h>

using namespace spindle::http;

namespace {

constexpr std::time_t kModified = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT
constexpr const char* kThen = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr const char* kEarlier = "Sun, 06 Nov 1994 08:49:36 GMT";

Precondition evaluated(std::vector<Field> fields, Method method = Method::get) {
    Request request;
    request.method = method;
    request.fields = std::move(fields);
    return evaluate(request, "\"v1\"", kModified);
}

}  // namespace

TEST_CASE("If-None-Match compares weakly and wins over If-Modified-Since") {
    CHECK(evaluated({{"If-None-Match", "\"v1\""}}) == Precondition::not_modified);
    CHECK(evaluated({{"If-None-Match", "\"v0\", W/\"v1\""}}) == Precondition::not_modified);
    CHECK(evaluated({{"If-None-Match", "*"}}) == Precondition::not_modified);
    CHECK(evaluated({{"If-None-Match", "\"v0\""}}) == Precondition::proceed);
    CHECK(evaluated({{"If-None-Match", "\"v0\""}, {"If-Modified-Since", kThen}}) == Precondition::proceed);
    CHECK(evaluated({{"If-None-Match", "\"v1\""}}, Method::post) == Precondition::failed);
}

TEST_CASE("If-Modified-Since is for GET and HEAD") {
    CHECK(evaluated({{"If-Modified-Since", kThen}}) == Precondition::not_modified);
    CHECK(evaluated({{"If-Modified-Since", kEarlier}}) == Precondition::proceed);
    CHECK(evaluated({{"If-Modified-Since", "nonsense"}}) == Precondition::proceed);
    CHECK(evaluated({{"If-Modified-Since", kThen}}, Method::post) == Precondition::proceed);
}

TEST_CASE("A date that is there twice is none") {
    CHECK(evaluated({{"If-Modified-Since", kThen}, {"if-modified-since", kThen}}) == Precondition::proceed);
    CHECK(evaluated({{"If-Unmodified-Since", kEarlier}, {"If-Unmodified-Since", kEarlier}}) == Precondition::proceed);
}

TEST_CASE("If-Match compares strongly and wins over If-Unmodified-Since") {
    CHECK(evaluated({{"If-Match", "\"v1\""}}) == Precondition::proceed);
    CHECK(evaluated({{"If-Match", "*"}}) == Precondition::proceed);
    CHECK(evaluated({{"If-Match", "W/\"v1\""}}) == Precondition::failed);
    CHECK(evaluated({{"If-Match", "\"v1\""}, {"If-Unmodified-Since", kEarlier}}) == Precondition::proceed);
    CHECK(evaluated({{"If-Unmodified-Since", kEarlier}}) == Precondition::failed);
    CHECK(evaluated({{"If-Unmodified-Since", kThen}}) == Precondition::proceed);
}
