// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/compression.hpp"

#include <doctest/doctest.h>

#include "server/http/encoded_response.hpp"
#include "tests/unit/runtime/on_every_backend.hpp"

using namespace spindle;
using http::Request;
using http::Response;
using pipeline::Compression;

namespace {

const Compression kCompression(config::Compression{
    .encodings = {"zstd", "gzip"}, .min_bytes = 100, .types = {"text/plain", "application/json"}});

Response text_of(std::size_t bytes) { return Response::text(200, std::string(bytes, 'a')); }

Request accepting(std::string_view codings) {
    Request request;
    request.fields.push_back({"Accept-Encoding", codings});
    return request;
}

Response encoded(Response response, std::string_view codings = "gzip") {
    kCompression.encode_if_short(accepting(codings), response);
    return response;
}

std::string coding_of(const Response& response) {
    return std::string(response.field("Content-Encoding").value_or("none"));
}

std::string vary_of(const Response& response) { return std::string(response.field("Vary").value_or("none")); }

}  // namespace

TEST_CASE("compression: a body goes in the best coding that its client accepts") {
    CHECK(coding_of(encoded(text_of(5000))) == "gzip");
    CHECK(coding_of(encoded(text_of(5000), "gzip, zstd")) == "zstd");
    CHECK(coding_of(encoded(text_of(5000), "gzip;q=0, zstd;q=0.1")) == "zstd");
    CHECK(coding_of(encoded(text_of(5000), "br")) == "none");
    CHECK(coding_of(encoded(text_of(5000), "identity;q=0")) == "none");
}

TEST_CASE("compression: what may be encoded for others says so to everyone") {
    CHECK(vary_of(encoded(text_of(5000), "")) == "Accept-Encoding");
    CHECK(vary_of(encoded(text_of(5000), "gzip")) == "Accept-Encoding");
    CHECK(vary_of(encoded(text_of(99), "gzip")) == "none");
}

TEST_CASE("compression: only bodies of the listed types, and long enough") {
    CHECK(coding_of(encoded(text_of(100))) == "gzip");
    CHECK(coding_of(encoded(text_of(99))) == "none");
    Response image = text_of(5000);
    image.content_type = "image/png";
    CHECK(coding_of(encoded(std::move(image))) == "none");
    Response json = text_of(5000);
    json.content_type = {};
    json.set("Content-Type", "application/json");
    CHECK(coding_of(encoded(std::move(json))) == "gzip");
}

TEST_CASE("compression: leaves alone what has no content, a part of it, or was encoded") {
    for (const std::uint16_t status : {204, 206, 304}) {
        Response response = text_of(5000);
        response.status = status;
        CHECK(coding_of(encoded(std::move(response))) == "none");
    }
    for (const auto& [name, value] : {std::pair{"Content-Encoding", "br"},
                                      {"Cache-Control", "max-age=1, No-Transform"},
                                      {"Vary", "Origin, accept-encoding"}}) {
        Response response = text_of(5000);
        response.set(name, value);
        response = encoded(std::move(response));
        CHECK(std::get<std::string>(response.body).size() == 5000);
    }
}

TEST_CASE("compression: nothing is on without encodings") {
    CHECK_FALSE(Compression(config::Compression{}).on());
    CHECK(kCompression.on());
}

TEST_CASE("compression: a long body waits for another thread to encode it, under every backend") {
    test::on_every_backend([](test::Run&) -> runtime::task<void> {
        const Request request = accepting("gzip");
        Response response = text_of(1'000'000);
        kCompression.encode_if_short(request, response);
        CHECK(std::get<std::string>(response.body).size() == 1'000'000);
        CHECK(kCompression.concerns(response));
        const runtime::HandlerScope user_code("test");
        co_await kCompression.encode(request, response);
        CHECK(coding_of(response) == "gzip");
        CHECK(vary_of(response) == "Accept-Encoding");
        CHECK(std::get<std::string>(response.body).size() < 10'000);
        CHECK_FALSE(kCompression.concerns(response));
    });
}
