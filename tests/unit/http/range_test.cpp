// SPDX-License-Identifier: Apache-2.0
#include "server/http/range.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace spindle::http;

namespace {

/// "first-last", "whole" or "unsatisfiable" of a representation of 100 bytes.
std::string decided(std::vector<Field> fields, std::uint64_t size = 100) {
    Request request;
    request.fields = std::move(fields);
    const RangeDecision decision = decide_range(request, size, "\"v1\"", 784111777);
    if (decision.kind == RangeKind::whole) return "whole";
    if (decision.kind == RangeKind::unsatisfiable) return "unsatisfiable";
    return std::to_string(decision.range.first) + "-" + std::to_string(decision.range.last);
}

}  // namespace

TEST_CASE("A single range is cut to the representation") {
    CHECK(decided({{"Range", "bytes=0-0"}}) == "0-0");
    CHECK(decided({{"Range", "bytes=10-19"}}) == "10-19");
    CHECK(decided({{"Range", "bytes=90-"}}) == "90-99");
    CHECK(decided({{"Range", "bytes=90-1000"}}) == "90-99");
    CHECK(decided({{"Range", "bytes=-10"}}) == "90-99");
    CHECK(decided({{"Range", "bytes=-1000"}}) == "0-99");
}

TEST_CASE("A range that lies outside cannot be satisfied") {
    CHECK(decided({{"Range", "bytes=100-"}}) == "unsatisfiable");
    CHECK(decided({{"Range", "bytes=-0"}}) == "unsatisfiable");
    CHECK(decided({{"Range", "bytes=0-"}}, 0) == "unsatisfiable");
}

TEST_CASE("What is not a single range is ignored") {
    for (const char* text : {"", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,3-4", "items=0-1", "bytes=a-b",
                             "bytes=18446744073709551616-"}) {
        CAPTURE(text);
        const std::string decision = decided({{"Range", text}});
        CHECK((decision == "whole" ||
               (std::string(text).find("184") != std::string::npos && decision == "unsatisfiable")));
    }
}

TEST_CASE("If-Range asks for the part only of what the client has") {
    CHECK(decided({{"Range", "bytes=0-9"}, {"If-Range", "\"v1\""}}) == "0-9");
    CHECK(decided({{"Range", "bytes=0-9"}, {"If-Range", "\"v0\""}}) == "whole");
    CHECK(decided({{"Range", "bytes=0-9"}, {"If-Range", "W/\"v1\""}}) == "whole");
}
