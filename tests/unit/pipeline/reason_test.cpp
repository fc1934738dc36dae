// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/reason.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <set>
#include <string>

using namespace spindle::pipeline;
using spindle::http::Cause;
using spindle::http::ParseError;
using spindle::http::Response;

TEST_CASE("reason: each has a name of its own, which tells requests from connections") {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < kReasons; ++i) {
        const auto reason = static_cast<Reason>(i);
        const std::string_view name = to_string(reason);
        CAPTURE(name);
        CHECK(name.starts_with(refuses_request(reason) ? "refused_" : "closed_"));
        CHECK(names.insert(name).second);
    }
}

TEST_CASE("reason: an answer that refuses nobody has none, and neither has what a handler finds wrong itself") {
    for (const std::uint16_t status : {200, 304, 403, 404, 500, 503})
        CHECK(reason_of(Response::text(status, "")) == std::nullopt);
}

TEST_CASE("reason: who has no credentials yet is no guesser of passwords") {
    Response response = Response::text(401, "");
    CHECK(reason_of(response) == Reason::unauthenticated);
    response.cause = Cause::wrong_credentials;
    CHECK(reason_of(response) == Reason::wrong_credentials);
}

TEST_CASE("reason: what the machine has run out of is not the client's doing") {
    CHECK(shortage_of({ENOMEM}) == Reason::no_memory);
    CHECK(shortage_of({ENOBUFS}) == Reason::no_memory);
    CHECK(shortage_of({ENOSPC}) == Reason::no_watch);
    for (const int error : {0, ECONNRESET, EPIPE, ETIMEDOUT, ECANCELED}) CHECK(shortage_of({error}) == std::nullopt);
}
