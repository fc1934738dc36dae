// SPDX-License-Identifier: Apache-2.0
#include "server/http/mime.hpp"

#include <doctest/doctest.h>

#include <sstream>

using namespace spindle;

TEST_CASE("mime: the extension of the last segment tells, in upper case too") {
    const http::MimeTypes types;
    CHECK(types.of("a.b/style.CSS") == "text/css; charset=utf-8");
    for (const char* name : {"", ".css", "a.css/file", "file.", "a.unknown", "a.x23456789012345678901234567890123"}) {
        CHECK(types.of(name) == "application/octet-stream");
    }
}

TEST_CASE("mime: set types go before known ones, known ones before a table's, a table's first before its others") {
    http::MimeTypes types;
    types.set("html", "text/x-ours");
    std::istringstream table(
        "# a comment\n"
        "application/x-css\tcss\n"
        "text/x-first one two # three\n"
        "no_type four\n"
        "text/x-second two five");
    types.read_table(table);
    CHECK(types.of("a.HTML") == "text/x-ours");
    CHECK(types.of("a.css") == "text/css; charset=utf-8");
    CHECK(types.of("a.one") == "text/x-first; charset=utf-8");
    CHECK(types.of("a.Two") == "text/x-first; charset=utf-8");
    CHECK(types.of("a.five") == "text/x-second; charset=utf-8");
    for (const char* name : {"a.three", "a.four", "a.", "one"}) CHECK(types.of(name) == "application/octet-stream");
}
