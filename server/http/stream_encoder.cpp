// SPDX-License-Identifier: Apache-2.0
#include "server/http/stream_encoder.hpp"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <new>

namespace spindle::http {
namespace {

// Of events of 60 bytes as JSON each leaves 28 % (gzip), 34 % (br) and 35 % (zstd). Brotli's next quality needs twice
// the memory for nothing, a window as files have it 9 MiB.
constexpr int kGzipLevel = 6;
constexpr int kGzipWindowBits = 13;
constexpr int kGzipMemoryLevel = 6;
constexpr int kBrotliQuality = 3;
constexpr int kBrotliWindowBits = 15;
constexpr int kZstdLevel = 1;
constexpr int kZstdWindowBits = 15;
constexpr int kZstdHashBits = 13;

/// What a step is given at once to write to.
constexpr std::size_t kRoom = 4096;

class Gzip final : public StreamEncoder {
  public:
    Gzip() {
        constexpr int kGzipFormat = 16;
        if (::deflateInit2(&stream_, kGzipLevel, Z_DEFLATED, kGzipFormat + kGzipWindowBits, kGzipMemoryLevel,
                           Z_DEFAULT_STRATEGY) != Z_OK)
            throw std::bad_alloc();
    }
    ~Gzip() override { ::deflateEnd(&stream_); }
    Gzip(const Gzip&) = delete;
    Gzip& operator=(const Gzip&) = delete;

    void encode(std::string_view bytes, std::string& into) override {
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
        stream_.avail_in = static_cast<uInt>(bytes.size());
        run(Z_SYNC_FLUSH, into);
    }
    void finish(std::string& into) override { run(Z_FINISH, into); }

  private:
    void run(int flush, std::string& into) {
        do {
            const std::size_t before = into.size();
            into.resize(before + kRoom);
            stream_.next_out = reinterpret_cast<Bytef*>(into.data() + before);
            stream_.avail_out = kRoom;
            ::deflate(&stream_, flush);
            into.resize(before + kRoom - std::min<std::size_t>(kRoom, stream_.avail_out));
        } while (stream_.avail_out == 0);
    }

    z_stream stream_{};
};

class Brotli final : public StreamEncoder {
  public:
    Brotli() : state_(::BrotliEncoderCreateInstance(nullptr, nullptr, nullptr), &::BrotliEncoderDestroyInstance) {
        if (state_ == nullptr) throw std::bad_alloc();
        ::BrotliEncoderSetParameter(state_.get(), BROTLI_PARAM_QUALITY, kBrotliQuality);
        ::BrotliEncoderSetParameter(state_.get(), BROTLI_PARAM_LGWIN, kBrotliWindowBits);
    }

    void encode(std::string_view bytes, std::string& into) override { run(BROTLI_OPERATION_FLUSH, bytes, into); }
    void finish(std::string& into) override { run(BROTLI_OPERATION_FINISH, {}, into); }

  private:
    void run(BrotliEncoderOperation operation, std::string_view bytes, std::string& into) {
        std::size_t left = bytes.size();
        const auto* next = reinterpret_cast<const std::uint8_t*>(bytes.data());
        do {
            std::size_t none = 0;  // to write to: the output is taken from where it lies
            if (::BrotliEncoderCompressStream(state_.get(), operation, &left, &next, &none, nullptr, nullptr) == 0)
                throw std::bad_alloc();
            while (::BrotliEncoderHasMoreOutput(state_.get()) != 0) {
                std::size_t count = 0;
                const std::uint8_t* output = ::BrotliEncoderTakeOutput(state_.get(), &count);
                into.append(reinterpret_cast<const char*>(output), count);
            }
        } while (left > 0);
    }

    std::unique_ptr<BrotliEncoderState, decltype(&::BrotliEncoderDestroyInstance)> state_;
};

class Zstd final : public StreamEncoder {
  public:
    Zstd() : context_(::ZSTD_createCCtx(), &::ZSTD_freeCCtx) {
        if (context_ == nullptr) throw std::bad_alloc();
        ::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kZstdLevel);
        ::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_windowLog, kZstdWindowBits);
        ::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_hashLog, kZstdHashBits);
    }

    void encode(std::string_view bytes, std::string& into) override { run(ZSTD_e_flush, bytes, into); }
    void finish(std::string& into) override { run(ZSTD_e_end, {}, into); }

  private:
    void run(ZSTD_EndDirective directive, std::string_view bytes, std::string& into) {
        ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
        std::size_t left = 0;
        do {
            const std::size_t before = into.size();
            into.resize(before + kRoom);
            ZSTD_outBuffer output{into.data() + before, kRoom, 0};
            left = ::ZSTD_compressStream2(context_.get(), &output, &input, directive);
            into.resize(before + output.pos);
            if (::ZSTD_isError(left) != 0) throw std::bad_alloc();
        } while (left > 0);
    }

    std::unique_ptr<ZSTD_CCtx, decltype(&::ZSTD_freeCCtx)> context_;
};

}  // namespace

std::unique_ptr<StreamEncoder> make_stream_encoder(Coding coding) {
    switch (coding) {
        case Coding::gzip: return std::make_unique<Gzip>();
        case Coding::br: return std::make_unique<Brotli>();
        case Coding::zstd: return std::make_unique<Zstd>();
        case Coding::identity: break;
    }
    return nullptr;
}

}  // namespace spindle::http
