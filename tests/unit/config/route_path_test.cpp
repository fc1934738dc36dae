// SPDX-License-Identifier: Apache-2.0
#include "config/route_path.hpp"

#include <doctest/doctest.h>

#include "config/text_template.hpp"

using namespace spindle::config;

namespace {

std::string kinds(std::string_view path) {
    const auto parsed = parse_route_path(path);
    if (!parsed) return parsed.error();
    std::string text;
    for (const PathSegment& segment : parsed->segments) {
        text += segment.kind == PathSegment::Kind::literal     ? "/"
                : segment.kind == PathSegment::Kind::parameter ? ":"
                                                               : "*";
        text += segment.text;
    }
    return text + (parsed->subtree ? " and below" : "");
}

std::string pieces(std::string_view text) {
    const auto parsed = parse_template(text);
    if (!parsed) return "error: " + parsed.error();
    std::string found;
    for (const TemplatePiece& piece : *parsed) found += (piece.is_variable ? "<" : "[") + piece.text + "]";
    return found;
}

}  // namespace

TEST_CASE("A route's path is made of literals, parameters and a rest") {
    CHECK(kinds("/") == " and below");
    CHECK(kinds("/a") == "/a");
    CHECK(kinds("/a/") == "/a and below");
    CHECK(kinds("/users/{id}") == "/users:id");
    CHECK(kinds("/users/{id}/posts/{post_2}/") == "/users:id/posts:post_2 and below");
    CHECK(kinds("/files/{path...}") == "/files*path");
    CHECK(kinds("/a//b") == "/a//b");
}

TEST_CASE("What is none says why") {
    CHECK(kinds("a") == "it does not begin with /");
    CHECK(kinds("/a{id}") == "a{id} is neither a name nor a whole segment {name}");
    CHECK(kinds("/{id") == "{id is neither a name nor a whole segment {name}");
    CHECK(kinds("/{Id}") == "{Id} has no name of a-z, 0-9 and _ in it");
    CHECK(kinds("/{}") == "{} has no name of a-z, 0-9 and _ in it");
    CHECK(kinds("/{rest...}/a") == "{rest...} is not its last segment");
    CHECK(kinds("/{rest...}/") == "{rest...} is not its last segment");
    CHECK(kinds("/{a}/{b}/{a}") == "it has {a} twice");
    CHECK(kinds("/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}") == "it has more than 8 parameters");
}

TEST_CASE("A template has places to be filled in") {
    CHECK(pieces("/a") == "[/a]");
    CHECK(pieces("{id}") == "<id]");
    CHECK(pieces("https://{host}/u/{id}?x") == "[https://]<host][/u/]<id][?x]");
    CHECK(pieces("/{id") == "error: {id is not {name}");
    CHECK(pieces("/}") == "error: } is not {name}");
    CHECK(pieces("/{}") == "error: {} is not {name}");
}
