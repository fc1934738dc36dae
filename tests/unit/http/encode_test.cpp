// SPDX-License-Identifier: Apache-2.0
#include "server/http/encode.hpp"

#include <doctest/doctest.h>

#include <random>

#include "server/http/encoded_response.hpp"

using namespace spindle::http;

namespace {

constexpr std::array kAll{Coding::gzip, Coding::br, Coding::zstd};

std::string text_of(std::size_t bytes) {
    std::string text;
    for (int line = 0; text.size() < bytes; ++line) text += "line " + std::to_string(line) + " of a text\n";
    text.resize(bytes);
    return text;
}

}  // namespace

TEST_CASE("Text gets smaller in every coding") {
    for (const std::size_t bytes : {200, 2'000, 200'000, 5'000'000}) {
        const std::string text = text_of(bytes);
        for (const Coding coding : kAll) {
            CAPTURE(to_string(coding));
            const auto encoded = encode(coding, text);
            REQUIRE(encoded);
            CHECK(encoded->size() < bytes * 3 / 4);
        }
    }
}

TEST_CASE("Each coding begins as its format does") {
    const std::string text = text_of(5000);
    CHECK(encode(Coding::gzip, text)->starts_with("\x1f\x8b\x08"));
    CHECK(encode(Coding::zstd, text)->starts_with("\x28\xb5\x2f\xfd"));
}

TEST_CASE("What does not get smaller is not encoded") {
    std::mt19937 random(1);
    for (const std::size_t bytes : {0, 1, 2, 10, 5000, 500'000}) {
        std::string noise(bytes, '\0');
        for (char& c : noise) c = static_cast<char>(random());
        for (const Coding coding : kAll) {
            CAPTURE(to_string(coding));
            CHECK_FALSE(encode(coding, noise));
        }
    }
    CHECK_FALSE(encode(Coding::identity, text_of(1000)));
}

TEST_CASE("Vary says Accept-Encoding once, beside what it says already") {
    Response response;
    CHECK_FALSE(varies_by_encoding(response));
    vary_by_encoding(response);
    vary_by_encoding(response);
    CHECK(response.fields.size() == 1);
    CHECK(response.field("VARY") == "Accept-Encoding");

    Response other;
    other.set("vary", "Origin, Accept-Encoding-Not");
    CHECK_FALSE(varies_by_encoding(other));
    vary_by_encoding(other);
    CHECK(other.field("Vary") == "Origin, Accept-Encoding-Not, Accept-Encoding");

    Response any;
    any.set("Vary", "*");
    CHECK(varies_by_encoding(any));
}

TEST_CASE("An encoded response has a weak ETag and no ranges") {
    Response response;
    response.set("ETag", "\"v1\"").set("Accept-Ranges", "bytes");
    mark_encoded(response, Coding::br);
    CHECK(response.field("Content-Encoding") == "br");
    CHECK(response.field("ETag") == "W/\"v1\"");
    CHECK_FALSE(response.field("Accept-Ranges"));
}
