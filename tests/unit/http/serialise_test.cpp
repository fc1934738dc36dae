// SPDX-License-Identifier: Apache-2.0
#include "server/http/serialise.hpp"

#include <doctest/doctest.h>

using namespace spindle::http;

namespace {

std::string head(const Response& response, HeadOptions options) {
    options.date = "Sun, 06 Nov 1994 08:49:37 GMT";
    std::string out;
    CHECK(append_head(out, response, options));
    return out;
}

}  // namespace

TEST_CASE("A head says status, framing, date and type, and ends with an empty line") {
    const std::string text = head(Response::text(200, "hello"), {.date = {}, .content_length = 5});
    CHECK(text.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(text.ends_with("\r\n\r\n"));
    CHECK(text.find("Content-Length: 5\r\n") != text.npos);
    CHECK(text.find("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n") != text.npos);
    CHECK(text.find("Content-Type: text/plain; charset=utf-8\r\n") != text.npos);
    CHECK(text.find("Connection:") == text.npos);
}

TEST_CASE("The end of the connection is said, and to an HTTP/1.0 client its keeping") {
    CHECK(head({}, {.date = {}, .keep_alive = false}).find("Connection: close\r\n") != std::string::npos);
    CHECK(head({}, {.date = {}, .keep_alive = true, .http10 = true}).find("Connection: keep-alive\r\n") !=
          std::string::npos);
}

TEST_CASE("Framing is chunked or nothing when the length is not known") {
    CHECK(head({}, {.date = {}, .framing = Framing::chunked}).find("Transfer-Encoding: chunked\r\n") !=
          std::string::npos);
    const std::string until_close = head({}, {.date = {}, .keep_alive = false, .framing = Framing::until_close});
    CHECK(until_close.find("Transfer-Encoding") == until_close.npos);
    CHECK(until_close.find("Content-Length") == until_close.npos);
}

TEST_CASE("204 and 304 carry no framing") {
    Response response;
    response.status = 204;
    const std::string text = head(response, {});
    CHECK(text.find("Content-Length") == text.npos);
    CHECK(text.find("Transfer-Encoding") == text.npos);
}

TEST_CASE("A field cannot smuggle another one in, and nothing of it is left in the output") {
    using namespace std::string_view_literals;
    for (const std::string_view value : {"a\r\nSet-Cookie: b"sv, "a\nb"sv, "a\0b"sv}) {
        Response with_field;
        with_field.set("X", value);
        Response with_type;
        with_type.content_type = value;
        for (const Response* response : {&with_field, &with_type}) {
            std::string out = "before";
            CHECK_FALSE(append_head(out, *response, {.date = "now"}));
            CHECK(out == "before");
        }
    }
}

TEST_CASE("A chunk is led by its size in hexadecimal") {
    std::string out;
    append_chunk_head(out, 4096);
    CHECK(out == "1000\r\n");
}
