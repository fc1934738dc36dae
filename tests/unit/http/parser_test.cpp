// SPDX-License-Identifier: Apache-2.0
#include "server/http/parser.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <string>
#include <vector>

using namespace spindle::http;

namespace {

/// What became of a message whose bytes arrive in the given pieces.
struct Parsed {
    Event event = Event::need_more;
    ParseError error{};
    std::string summary;  ///< "GET /path?query HTTP/1.1 host=… fields=N"
    std::string body;
    std::string rest;  ///< not consumed: the next request
};

Parsed parse(const std::string& message, const std::vector<std::size_t>& cuts, const Limits& limits = {}) {
    RequestParser parser;
    Request request;
    parser.reset(limits, request);
    Parsed result;
    std::string held;  // a fresh copy each time: views into older bytes would show under a sanitizer
    std::size_t at = 0;
    std::size_t piece = 0;
    bool in_body = false;
    std::string unread;
    while (true) {
        const std::size_t end = piece < cuts.size() ? cuts[piece] : message.size();
        const std::string bytes = message.substr(at, end - at);
        at = end;
        ++piece;
        if (!in_body) {
            held = std::string(held + bytes);
            result.event = parser.parse_head(held);
            if (result.event == Event::head_complete) {
                result.summary = std::string(request.method_name) + " " + std::string(request.path) + "?" +
                                 std::string(request.query) + " 1." + std::to_string(request.version_minor) +
                                 " host=" + std::string(request.host) +
                                 " fields=" + std::to_string(request.fields.size());
                in_body = true;
                unread = held.substr(parser.head_bytes());
                if (!request.has_body()) {
                    result.rest = unread + message.substr(at);
                    return result;
                }
            }
        } else {
            unread = bytes;
        }
        while (in_body && !unread.empty()) {
            std::string_view chunk;
            result.event = parser.parse_body(unread, chunk);
            result.body += chunk;
            unread = unread.substr(parser.consumed());
            if (result.event == Event::message_complete) {
                result.rest = unread + message.substr(at);
                return result;
            }
            if (result.event == Event::error) break;
        }
        if (result.event == Event::error) {
            result.error = parser.error();
            return result;
        }
        if (at == message.size()) return result;
    }
}

const std::vector<std::string> kMessages{
    "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\n",
    "GET /a%20b/../c?x=1&y=%20 HTTP/1.1\r\nHost: example.org:8080\r\nUser-Agent:  me \t\r\nAccept: */*\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello worldGET / HTTP/1.1\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX: "
    "y\r\n\r\nGET",
    "GET http://other.org/x HTTP/1.1\r\nHost: other.org\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
};

}  // namespace

TEST_CASE("A message means the same wherever its bytes are cut") {
    for (const std::string& message : kMessages) {
        CAPTURE(message);
        const Parsed whole = parse(message, {});
        for (std::size_t cut = 1; cut < message.size(); ++cut) {
            CAPTURE(cut);
            const Parsed parts = parse(message, {cut});
            CHECK(parts.event == whole.event);
            CHECK(parts.error == whole.error);
            CHECK(parts.summary == whole.summary);
            if (whole.event != Event::error) CHECK(parts.body == whole.body);
            CHECK(parts.rest == whole.rest);
        }
    }
}

TEST_CASE("A message may arrive byte by byte") {
    for (const std::string& message : kMessages) {
        CAPTURE(message);
        std::vector<std::size_t> cuts;
        for (std::size_t i = 1; i < message.size(); ++i) cuts.push_back(i);
        const Parsed whole = parse(message, {});
        const Parsed bytes = parse(message, cuts);
        CHECK(bytes.event == whole.event);
        CHECK(bytes.summary == whole.summary);
        CHECK(bytes.rest == whole.rest);
    }
}

TEST_CASE("The head is understood") {
    CHECK(parse(kMessages[1], {}).summary == "GET /c?x=1&y=%20 1.1 host=example.org:8080 fields=3");
    CHECK(parse(kMessages[4], {}).summary == "GET /x? 1.1 host=other.org fields=1");
}

TEST_CASE("A body ends where its framing says, and what follows is not touched") {
    CHECK(parse(kMessages[2], {}).body == "hello world");
    CHECK(parse(kMessages[2], {}).rest == "GET / HTTP/1.1\r\n");
    CHECK(parse(kMessages[3], {}).body == "hello world");
    CHECK(parse(kMessages[3], {}).rest == "GET");
}

TEST_CASE("Each limit has its own error") {
    const std::string head = "GET /0123456789 HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n\r\n";
    CHECK(parse(head, {}, {.header_bytes = head.size()}).event == Event::head_complete);
    CHECK(parse(head, {}, {.header_bytes = head.size() - 1}).error == ParseError::head_too_large);
    CHECK(parse(head, {}, {.header_count = 3}).event == Event::head_complete);
    CHECK(parse(head, {}, {.header_count = 2}).error == ParseError::too_many_fields);
    CHECK(parse(head, {}, {.target_bytes = 11}).event == Event::head_complete);
    CHECK(parse(head, {}, {.target_bytes = 10}).error == ParseError::target_too_long);
    CHECK(parse(kMessages[2], {}, {.body_bytes = 11}).event == Event::message_complete);
    CHECK(parse(kMessages[2], {}, {.body_bytes = 10}).error == ParseError::body_too_large);
    CHECK(parse(kMessages[3], {}, {.body_bytes = 11}).event == Event::message_complete);
    CHECK(parse(kMessages[3], {}, {.body_bytes = 10}).error == ParseError::body_too_large);
}

TEST_CASE("Trailers are limited in number, and what frames a body to a multiple of it") {
    const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    const auto with_trailers = [&](int count) {
        std::string message = head + "0\r\n";
        for (int i = 0; i < count; ++i) message += "a:\r\n";
        return parse(message + "\r\n", {});
    };
    CHECK(with_trailers(100).event == Event::message_complete);
    CHECK(with_trailers(101).error == ParseError::too_many_fields);
    const auto with_extensions = [&](std::size_t bytes, std::size_t chunk) {
        std::string message = head;
        for (int i = 0; i < 100; ++i)
            message += fmt::format("{:x};e={}\r\n{}\r\n", chunk, std::string(bytes, 'e'), std::string(chunk, 'x'));
        return parse(message + "0\r\n\r\n", {});
    };
    CHECK(with_extensions(85, 1024).event == Event::message_complete);  // a signature a chunk, say
    CHECK(with_extensions(1024, 1).error == ParseError::head_too_large);
}

TEST_CASE("A method that nobody knows is told from what is none, wherever its bytes are cut") {
    const std::string rest = " / HTTP/1.1\r\nHost: a\r\n\r\n";
    const auto error_of = [&](const std::string& message) {
        const ParseError whole = parse(message, {}).error;
        for (std::size_t cut = 1; cut < message.size(); ++cut) CHECK(parse(message, {cut}).error == whole);
        return whole;
    };
    for (const char* method : {"FOO", "get", "GETS", "G", "BREWER"})
        CHECK(error_of(method + rest) == ParseError::unknown_method);
    for (const char* method : {"HTTP/1.1", "F{O", "GE\tT", "F\r\n", "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET"})
        CHECK(error_of(method + rest) == ParseError::malformed);
    CHECK(parse("FOO", {}).event == Event::need_more);
    CHECK(parse(std::string(20'000, 'F'), {}).event == Event::error);
}

TEST_CASE("A chunk size that would wrap around the limit is refused with its header") {
    const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    const Parsed parsed = parse(head + "5\r\nhello\r\nfffffffffffffffe\r\n", {}, {.body_bytes = 100});
    CHECK(parsed.event == Event::error);
    CHECK(parsed.error == ParseError::body_too_large);
}

TEST_CASE("A head that is refused leaves nothing of the one before, nor a view of bytes that have moved") {
    RequestParser parser;
    Request request;
    const Limits limits;
    const std::string first = "GET /first HTTP/1.1\r\nHost: first.example\r\nReferer: first\r\n\r\n";
    const auto after_first = [&](const std::vector<std::string>& parts) {
        parser.reset(limits, request);
        REQUIRE(parser.parse_head(first) == Event::head_complete);
        parser.reset(limits, request);
        Event event = Event::need_more;
        std::string held;
        for (const std::string& part : parts) {
            held = std::string(held + part);
            event = parser.parse_head(held);
        }
        CHECK(event == Event::error);
        CHECK(request.host.empty());
        return std::string(request.method_name) + " " + std::string(request.target) + " " +
               std::to_string(request.fields.size());
    };
    CHECK(after_first({"garbage\r\n\r\n"}) == "  0");
    CHECK(after_first({"POST /second HTTP/1.1\r\nX : y\r\n\r\n"}) == "POST /second 0");
    CHECK(after_first({"POST /second HTTP/1.1\r\nX: ", "y\r\n", "Y : z\r\n\r\n"}) == "  0");
    CHECK(after_first({"POST /second HTTP/1.1\r\nX: \x01\r\n\r\n"}) == "POST /second 1");
}

TEST_CASE("A target that comes in parts is measured as a whole, before the head is complete") {
    CHECK(parse("GET /0123456789", {8, 12}, {.target_bytes = 10}).error == ParseError::target_too_long);
    CHECK(parse("GET /0123456789", {8, 12}, {.target_bytes = 11}).event == Event::need_more);
    const std::string head = "GET /0123456789 HTTP/1.0\r\n\r\n";
    CHECK(parse(head, {10}, {.target_bytes = 10}).error == ParseError::target_too_long);
    CHECK(parse(head, {10}, {.target_bytes = 11}).event == Event::head_complete);
}

TEST_CASE("What could be read in two ways is refused") {
    for (const char* fields :
         {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length: +5\r\n", "Content-Length: 5, 6\r\n",
          "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
          "X : y\r\n", " X: y\r\n", "X: a\rb\r\n", "Host: b\r\n"}) {
        CAPTURE(fields);
        CHECK(parse("POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n", {}).event == Event::error);
    }
}
