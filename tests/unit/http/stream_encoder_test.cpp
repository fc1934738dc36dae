// SPDX-License-Identifier: Apache-2.0
#include "server/http/stream_encoder.hpp"

#include <doctest/doctest.h>

#include <malloc.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

using namespace spindle::http;

namespace {

constexpr std::array kAll{Coding::gzip, Coding::br, Coding::zstd};

/// What can be decoded of what has come so far. Brotli's is for the tests with real clients: its decoder is not linked.
class Decoder {
  public:
    explicit Decoder(Coding coding) : coding_(coding), context_(ZSTD_createDCtx()) {
        constexpr int kGzipFormat = 16 + MAX_WBITS;
        REQUIRE(::inflateInit2(&stream_, kGzipFormat) == Z_OK);
    }
    ~Decoder() {
        ::inflateEnd(&stream_);
        ZSTD_freeDCtx(context_);
    }
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;

    std::string decode(std::string& bytes) {
        std::string decoded(1 << 20, '\0');
        if (coding_ == Coding::gzip) {
            stream_.next_in = reinterpret_cast<Bytef*>(bytes.data());
            stream_.avail_in = static_cast<uInt>(bytes.size());
            stream_.next_out = reinterpret_cast<Bytef*>(decoded.data());
            stream_.avail_out = static_cast<uInt>(decoded.size());
            ended = ::inflate(&stream_, Z_SYNC_FLUSH) == Z_STREAM_END;
            decoded.resize(decoded.size() - stream_.avail_out);
        } else {
            ZSTD_inBuffer from{bytes.data(), bytes.size(), 0};
            ZSTD_outBuffer into{decoded.data(), decoded.size(), 0};
            std::size_t left = 1;
            while (from.pos < from.size && left != 0) left = ZSTD_decompressStream(context_, &into, &from);
            ended = left == 0;
            decoded.resize(into.pos);
        }
        bytes.clear();
        return decoded;
    }
    bool ended = false;

  private:
    const Coding coding_;
    z_stream stream_{};
    ZSTD_DCtx* const context_;
};

std::string noise(std::size_t bytes) {
    static std::mt19937 random(1);
    std::string made(bytes, '\0');
    for (char& c : made) c = static_cast<char>(random());
    return made;
}

std::vector<std::string> pieces() {
    std::vector<std::string> made;
    made.reserve(203);
    for (int i = 0; i < 200; ++i) made.push_back("data: {\"number\": " + std::to_string(i) + "}\n\n");
    made.push_back(std::string(StreamEncoder::kPieceBytesMax, 'a'));
    made.push_back(noise(StreamEncoder::kPieceBytesMax));
    made.push_back("a");
    return made;
}

std::size_t allocated() {
    const struct mallinfo2 told = ::mallinfo2();
    return told.uordblks + told.hblkhd;
}

}  // namespace

TEST_CASE("stream encoder: each piece can be decoded as soon as it is there") {
    for (const Coding coding : {Coding::gzip, Coding::zstd}) {
        const auto encoder = make_stream_encoder(coding);
        Decoder decoder(coding);
        std::string encoded;
        for (const std::string& piece : pieces()) {
            encoder->encode(piece, encoded);
            CHECK(decoder.decode(encoded) == piece);
            CHECK_FALSE(decoder.ended);
        }
        encoder->finish(encoded);
        CHECK(decoder.decode(encoded) == "");
        CHECK(decoder.ended);
    }
    CHECK(make_stream_encoder(Coding::identity) == nullptr);
}

TEST_CASE("stream encoder: pieces that are like earlier ones are short") {
    for (const Coding coding : kAll) {
        CAPTURE(to_string(coding));
        const auto encoder = make_stream_encoder(coding);
        std::size_t bytes = 0;
        std::size_t encoded_bytes = 0;
        for (int i = 0; i < 1000; ++i) {
            const std::string piece = "data: {\"number\": " + std::to_string(i) + ", \"of\": \"these events\"}\n\n";
            std::string encoded;
            encoder->encode(piece, encoded);
            bytes += piece.size();
            encoded_bytes += encoded.size();
        }
        CHECK(encoded_bytes < bytes / 2);
    }
}

TEST_CASE("stream encoder: holds no more memory than it says") {
    for (const Coding coding : kAll) {
        CAPTURE(to_string(coding));
        std::string encoded;
        encoded.reserve(std::size_t{64} * 1024);
        std::vector<std::string> all = pieces();
        for (int i = 0; i < 50; ++i) all.push_back(noise(StreamEncoder::kPieceBytesMax));
        const std::size_t before = allocated();
        const auto encoder = make_stream_encoder(coding);
        std::size_t most = 0;
        for (const std::string& piece : all) {
            encoded.clear();
            encoder->encode(piece, encoded);
            most = std::max(most, allocated() - before);
        }
        CHECK(most <= stream_encoder_bytes(coding));
    }
}
