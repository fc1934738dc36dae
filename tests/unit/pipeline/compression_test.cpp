// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/compression.hpp"

#include <doctest/doctest.h>

#include "server/http/encoded_response.hpp"
#include "server/pipeline/encoded_stream.hpp"
#include "server/pipeline/handler.hpp"
#include "tests/unit/runtime/on_every_backend.hpp"

using namespace spindle;
using http::Request;
using http::Response;
using pipeline::Compression;

namespace {

const Compression kCompression(config::Compression{.encodings = {"zstd", "gzip"},
                                                   .min_bytes = 100,
                                                   .types = {"text/plain", "application/json"},
                                                   .stream_bytes = 400 * 1024});

Response text_of(std::size_t bytes) { return Response::text(200, std::string(bytes, 'a')); }

Request accepting(std::string_view codings) {
    Request request;
    request.fields.push_back({"Accept-Encoding", codings});
    return request;
}

Response encoded(Response response, std::string_view codings = "gzip", http::Method method = http::Method::get) {
    Request request = accepting(codings);
    request.method = method;
    kCompression.encode_if_short(request, response);
    return response;
}

runtime::task<void> write_all(const std::vector<std::string>& pieces, pipeline::BodyWriter& to) {
    for (const std::string& piece : pieces) {
        const auto written = co_await to.write(piece);
        if (!written) co_return;
    }
}

Response stream_of(std::vector<std::string> pieces) {
    Response response = Response::text(200, "");
    response.body = std::make_unique<pipeline::StreamedBody>(
        [pieces = std::move(pieces)](pipeline::BodyWriter& to) { return write_all(pieces, to); });
    return response;
}

class Collected final : public pipeline::BodyWriter {
  public:
    runtime::task<std::expected<void, runtime::Error>> write(std::string_view bytes) override {
        writes.emplace_back(bytes);
        co_return std::expected<void, runtime::Error>{};
    }
    [[nodiscard]] bool sound() const noexcept override { return unbroken; }

    std::vector<std::string> writes;
    bool unbroken = true;
};

pipeline::StreamedBody& stream_in(Response& response) {
    return static_cast<pipeline::StreamedBody&>(*std::get<std::unique_ptr<http::BodyStream>>(response.body));
}

runtime::task<std::vector<std::string>> produced(Response response, bool unbroken = true) {
    Collected collected;
    collected.unbroken = unbroken;
    runtime::task<void> producing = stream_in(response).produce(collected);
    co_await producing;
    co_return std::move(collected.writes);
}

/// Has no memory for its second piece.
class ShortOfMemory final : public http::StreamEncoder {
  public:
    void encode(std::string_view bytes, std::string& into) override {
        if (encoded_++ == 1) throw std::bad_alloc();
        into.append(bytes);
    }
    void finish(std::string& into) override { into.append("end"); }

  private:
    int encoded_ = 0;
};

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

TEST_CASE("compression: each write of a stream leaves encoded, under every backend") {
    test::on_every_backend([](test::Run&) -> runtime::task<void> {
        const runtime::HandlerScope user_code("test");
        Response response = encoded(stream_of({"one", std::string(100'000, 'a'), "two"}));
        CHECK(coding_of(response) == "gzip");
        CHECK(vary_of(response) == "Accept-Encoding");
        CHECK_FALSE(kCompression.concerns(response));
        const std::vector<std::string> writes = co_await produced(std::move(response));
        CHECK(writes.size() == 1 + 7 + 1 + 1);  // the long one in pieces of 16 KiB, and the end
        CHECK(writes.front().starts_with("\x1f\x8b\x08"));
        CHECK(writes[1].size() < 200);
    });
}

TEST_CASE("compression: a stream of nothing stays so, under every backend") {
    test::on_every_backend([](test::Run&) -> runtime::task<void> {
        const runtime::HandlerScope user_code("test");
        const std::vector<std::string> writes = co_await produced(encoded(stream_of({})));
        CHECK(writes.empty());
    });
}

TEST_CASE("compression: a stream that is not going to be whole has no end of its encoding, under every backend") {
    test::on_every_backend([](test::Run&) -> runtime::task<void> {
        const runtime::HandlerScope user_code("test");
        Response first = encoded(stream_of({"one", "two"}));
        Response second = encoded(stream_of({"one", "two"}));
        const auto whole = co_await produced(std::move(first));
        const auto broken = co_await produced(std::move(second), false);
        CHECK(whole.size() == 3);
        CHECK(broken.size() == 2);
    });
}

TEST_CASE("compression: nor has one whose producer makes light of an encoder without memory, under every backend") {
    test::on_every_backend([](test::Run&) -> runtime::task<void> {
        const runtime::HandlerScope user_code("test");
        bool refused = false;
        Response response = Response::text(200, "");
        response.body = std::make_unique<pipeline::StreamedBody>([&](pipeline::BodyWriter& to) -> runtime::task<void> {
            const std::string_view text = "one";
            for (int write = 0; write < 3; ++write) {
                try {
                    const auto written = co_await to.write(text);
                    refused = !written;
                } catch (const std::bad_alloc&) {
                    CHECK(write == 1);
                }
            }
        });
        pipeline::encode_stream(stream_in(response), std::make_shared<ShortOfMemory>());
        Collected collected;
        bool told = false;
        try {
            runtime::task<void> producing = stream_in(response).produce(collected);
            co_await producing;
        } catch (const std::bad_alloc&) {
            told = true;
        }
        CHECK(told);
        CHECK(refused);
        CHECK(collected.writes == std::vector<std::string>{"one"});
    });
}

TEST_CASE("compression: HEAD says of a stream what GET would, and holds no memory for it") {
    const Response head = encoded(stream_of({"a"}), "zstd", http::Method::head);
    CHECK(coding_of(head) == "zstd");
    CHECK(vary_of(head) == "Accept-Encoding");
    const Response get = encoded(stream_of({"a"}), "zstd");
    CHECK(coding_of(get) == "zstd");  // there is memory for one of them
    const Response full = encoded(stream_of({"a"}), "zstd", http::Method::head);
    CHECK(coding_of(full) == "none");
    CHECK(vary_of(full) == "Accept-Encoding");
    CHECK(coding_of(encoded(stream_of({"a"}), "", http::Method::head)) == "none");
}

TEST_CASE("compression: streams that would hold too much memory go as they are, until another one has ended") {
    Response first = encoded(stream_of({"a"}), "zstd");
    CHECK(coding_of(first) == "zstd");
    CHECK(coding_of(encoded(stream_of({"a"}), "gzip")) == "gzip");
    const Response second = encoded(stream_of({"a"}), "zstd");
    CHECK(coding_of(second) == "none");
    CHECK(vary_of(second) == "Accept-Encoding");
    first = {};
    CHECK(coding_of(encoded(stream_of({"a"}), "zstd")) == "zstd");
}

TEST_CASE("compression: a stream of another type, or for those who accept no coding, goes as it is") {
    CHECK(coding_of(encoded(stream_of({"a"}), "")) == "none");
    Response image = stream_of({"a"});
    image.content_type = "image/png";
    CHECK(coding_of(encoded(std::move(image))) == "none");
}
