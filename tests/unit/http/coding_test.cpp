// SPDX-License-Identifier: Apache-2.0
#include "server/http/coding.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace spindle::http;

namespace {

/// What a server that offers br, zstd and gzip, in that order, may send, the best first.
std::string accepted(std::vector<std::string_view> lines,
                     std::vector<Coding> offered = {Coding::br, Coding::zstd, Coding::gzip}) {
    Request request;
    request.fields.push_back({"Host", "a"});
    for (const std::string_view line : lines) request.fields.push_back({"accept-Encoding", line});
    std::string text;
    for (const Coding coding : acceptable(request, offered)) {
        if (!text.empty()) text += ' ';
        text += to_string(coding);
    }
    return text;
}

}  // namespace

TEST_CASE("A client that does not say gets identity") {
    CHECK(accepted({}) == "identity");
    CHECK(accepted({""}) == "identity");
    CHECK(accepted({" , ,"}) == "identity");
    CHECK(accepted({"compress, exi"}) == "identity");
}

TEST_CASE("Of what it names with the same weight, the server's favourite comes first") {
    CHECK(accepted({"gzip"}) == "gzip identity");
    CHECK(accepted({"gzip, deflate, br, zstd"}) == "br zstd gzip identity");
    CHECK(accepted({"gzip, br"}, {Coding::gzip, Coding::br}) == "gzip br identity");
    CHECK(accepted({"br, zstd"}, {Coding::gzip}) == "identity");
    CHECK(accepted({"br"}, {}) == "identity");
}

TEST_CASE("The higher weight comes first") {
    CHECK(accepted({"gzip;q=1.0, br;q=0.5"}) == "gzip br identity");
    CHECK(accepted({"zstd;q=0.001, br;q=0.002, gzip;q=0.003"}) == "gzip br zstd identity");
    CHECK(accepted({"br;q=0.999, gzip"}) == "gzip br identity");
}

TEST_CASE("Weight 0 is a refusal") {
    CHECK(accepted({"gzip;q=0"}) == "identity");
    CHECK(accepted({"gzip;q=0.000, br"}) == "br identity");
    CHECK(accepted({"*, br;q=0"}) == "zstd gzip identity");
}

TEST_CASE("The asterisk stands for all that is not named, identity too") {
    CHECK(accepted({"*"}) == "br zstd gzip identity");
    CHECK(accepted({"gzip, *;q=0"}) == "gzip");
    CHECK(accepted({"*;q=0"}).empty());
    CHECK(accepted({"identity, *;q=0"}) == "identity");
    CHECK(accepted({"gzip;q=0.3, *;q=0.5"}) == "br zstd identity");
}

TEST_CASE("Identity can be refused, and can be preferred") {
    CHECK(accepted({"identity;q=0"}).empty());
    CHECK(accepted({"identity;q=0, gzip"}) == "gzip");
    CHECK(accepted({"identity;q=1, gzip;q=0.5"}) == "identity");
    CHECK(accepted({"identity;q=0.5, gzip;q=0.5, br;q=0.4"}) == "gzip identity");
}

TEST_CASE("Names are compared without case, and x-gzip is gzip") {
    CHECK(accepted({"GZip"}) == "gzip identity");
    CHECK(accepted({"x-gzip;q=0.5"}) == "gzip identity");
    CHECK(accepted({"BR ; Q=0.5 , zstd"}) == "zstd br identity");
}

TEST_CASE("Several lines are one list") { CHECK(accepted({"gzip", "br;q=0.1"}) == "gzip br identity"); }

TEST_CASE("Said twice, the lower weight counts") {
    CHECK(accepted({"gzip;q=0, gzip"}) == "identity");
    CHECK(accepted({"gzip, x-gzip;q=0"}) == "identity");
}

TEST_CASE("What cannot be read has not been accepted") {
    for (const char* weight :
         {"q=", "q=2", "q=1.1", "q=0.0001", "q=-1", "q=.5", "q=0,5", "q=a", "q", "x=1", "q=1.0;q=1"}) {
        CAPTURE(weight);
        const std::string item = std::string("gzip;") + weight;
        CHECK(accepted({item}) == "identity");
    }
    CHECK(accepted({"gzip;q=abc, *"}) == "br zstd identity");
}

TEST_CASE("A coding has one name") {
    for (const Coding coding : {Coding::identity, Coding::gzip, Coding::br, Coding::zstd}) {
        CHECK(coding_of(to_string(coding)) == coding);
    }
    CHECK(coding_of("deflate") == std::nullopt);
    CHECK(coding_of("") == std::nullopt);
}
