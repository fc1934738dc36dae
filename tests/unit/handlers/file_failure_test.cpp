// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/file_failure.hpp"

#include <doctest/doctest.h>

#include <cerrno>

using namespace spindle::handlers;
using spindle::http::Cause;

TEST_CASE("file failure: what is used up is a 503 for a while, which says what it is") {
    for (const auto& [error, cause] : {std::pair{EMFILE, Cause::no_descriptor}, std::pair{ENFILE, Cause::no_descriptor},
                                       std::pair{ENOMEM, Cause::no_memory}}) {
        const auto response = failed(error);
        CHECK(response.status == 503);
        CHECK(response.field("Retry-After") == "1");
        CHECK(response.cause == cause);
    }
}

TEST_CASE("file failure: what is not there, or not for everybody, is no shortage") {
    CHECK(failed(ENOENT).status == 404);
    CHECK(failed(EXDEV).status == 404);
    CHECK(failed(EACCES).status == 403);
    CHECK(failed(EIO).status == 500);
    for (const int error : {ENOENT, EXDEV, EACCES, EIO}) CHECK(failed(error).cause == Cause::of_status);
}
