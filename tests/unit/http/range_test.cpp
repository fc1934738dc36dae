// SPDX-License-Identifier: Apache-2.0
#include "server/http/range.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace spindle::http;

namespace {

constexpr std::time_t kModified = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT

/// "first-last" of each range, "whole" or "unsatisfiable", of a representation of 100 bytes.
std::string decided(std::vector<Field> fields, std::uint64_t size = 100,
                    std::optional<std::time_t> modified = kModified, Method method = Method::get) {
    Request request;
    request.method = method;
    request.fields = std::move(fields);
    const RangeDecision decision = decide_range(request, size, "\"v1\"", modified);
    if (decision.kind == RangeKind::whole) return "whole";
    if (decision.kind == RangeKind::unsatisfiable) return "unsatisfiable";
    std::string text;
    for (const ByteRange& range : decision.ranges) {
        text += (text.empty() ? "" : " ") + std::to_string(range.first) + "-" + std::to_string(range.last);
    }
    return text;
}

}  // namespace

TEST_CASE("A single range is cut to the representation") {
    CHECK(decided({{"Range", "bytes=0-0"}}) == "0-0");
    CHECK(decided({{"Range", "bytes=10-19"}}) == "10-19");
    CHECK(decided({{"Range", "bytes=90-"}}) == "90-99");
    CHECK(decided({{"Range", "bytes=90-1000"}}) == "90-99");
    CHECK(decided({{"Range", "bytes=-10"}}) == "90-99");
    CHECK(decided({{"Range", "bytes=-1000"}}) == "0-99");
    CHECK(decided({{"Range", "BYTES= 5-6 "}}) == "5-6");
}

TEST_CASE("A range that lies outside cannot be satisfied") {
    CHECK(decided({{"Range", "bytes=100-"}}) == "unsatisfiable");
    CHECK(decided({{"Range", "bytes=-0"}}) == "unsatisfiable");
    CHECK(decided({{"Range", "bytes=0-"}}, 0) == "unsatisfiable");
    CHECK(decided({{"Range", "bytes=18446744073709551616-"}}) == "unsatisfiable");
}

TEST_CASE("Several ranges come in the order asked for") {
    CHECK(decided({{"Range", "bytes=0-1,3-4"}}) == "0-1 3-4");
    CHECK(decided({{"Range", "bytes=50-59,0-9,-1"}}) == "50-59 0-9 99-99");
    CHECK(decided({{"Range", "bytes= 0-1 ,\t3-4 ,, "}}) == "0-1 3-4");
}

TEST_CASE("What overlaps or touches is one range, at the place of the first") {
    CHECK(decided({{"Range", "bytes=0-9,10-19"}}) == "0-19");
    CHECK(decided({{"Range", "bytes=0-9,5-6"}}) == "0-9");
    CHECK(decided({{"Range", "bytes=0-9,11-19"}}) == "0-9 11-19");
    CHECK(decided({{"Range", "bytes=50-59,0-9,55-69"}}) == "50-69 0-9");
    CHECK(decided({{"Range", "bytes=0-9,80-89,10-79"}}) == "0-89");
    CHECK(decided({{"Range", "bytes=0-,0-,-100"}}) == "0-99");
}

TEST_CASE("Of several ranges, those outside are left out; only if none is left it is an error") {
    CHECK(decided({{"Range", "bytes=0-1,100-"}}) == "0-1");
    CHECK(decided({{"Range", "bytes=200-300,7-8,100-,20-21"}}) == "7-8 20-21");
    CHECK(decided({{"Range", "bytes=100-,200-300"}}) == "unsatisfiable");
}

TEST_CASE("One mistake makes the whole field none") {
    for (const char* text : {"", "bytes", "bytes=", "bytes=-", "bytes=,", "bytes=5-4", "bytes=0-1,5-4", "bytes=100-,x",
                             "items=0-1", "bytes=a-b", "bytes=1-2-3", "bytes=0-1;3-4", "bytes=+1-2", "bytes=0 - 1"}) {
        CAPTURE(text);
        CHECK(decided({{"Range", text}}) == "whole");
    }
}

TEST_CASE("More ranges than anyone needs are answered whole") {
    std::string apart = "bytes=0-0";
    for (std::size_t i = 1; i < kRangesMax; ++i) apart += "," + std::to_string(2 * i) + "-" + std::to_string(2 * i);
    CHECK(decided({{"Range", apart}}).ends_with(" 30-30"));
    CHECK(decided({{"Range", apart + ",98-98"}}) == "whole");
    // Joined, they are few.
    std::string flood = "bytes=0-";
    for (int i = 0; i < 1000; ++i) flood += ",0-";
    CHECK(decided({{"Range", flood}}) == "0-99");
}

TEST_CASE("Only GET has ranges") { CHECK(decided({{"Range", "bytes=0-9"}}, 100, kModified, Method::head) == "whole"); }

TEST_CASE("If-Range asks for the part only of exactly what the client has") {
    CHECK(decided({{"Range", "bytes=0-9"}, {"If-Range", "\"v1\""}}) == "0-9");
    CHECK(decided({{"Range", "bytes=0-9"}, {"If-Range", "\"v0\""}}) == "whole");
    CHECK(decided({{"Range", "bytes=0-9"}, {"If-Range", "W/\"v1\""}}) == "whole");
    CHECK(decided({{"Range", "bytes=200-"}, {"If-Range", "\"v0\""}}) == "whole");
    CHECK(decided({{"Range", "bytes=0-9"}, {"If-Range", "Sun, 06 Nov 1994 08:49:37 GMT"}}) == "0-9");
    CHECK(decided({{"Range", "bytes=0-9"}, {"If-Range", "Sun, 06 Nov 1994 08:49:38 GMT"}}) == "whole");
    CHECK(decided({{"Range", "bytes=0-9"}, {"If-Range", "Sun, 06 Nov 1994 08:49:37 GMT"}}, 100, {}) == "whole");
    CHECK(decided({{"Range", "bytes=0-9"}, {"If-Range", "*"}}) == "whole");
    CHECK(decided({{"Range", "bytes=0-9"}, {"If-Range", "\"v0\", \"v1\""}}) == "whole");
}
