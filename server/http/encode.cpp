// SPDX-License-Identifier: Apache-2.0
#include "server/http/encode.hpp"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <limits>
#include <memory>
#include <new>

namespace spindle::http {
namespace {

// Where each stands well between time and size for text that is compressed once for one client: higher levels take
// a multiple of the time for some per cent.
constexpr int kGzipLevel = 6;
constexpr int kBrotliQuality = 5;
constexpr int kZstdLevel = 3;

/// What does not fit into `room` bytes is not written to its end: 0 then.
std::size_t gzip(std::string_view bytes, char* into, std::size_t room) noexcept {
    z_stream stream{};
    constexpr int kGzipFormat = 16 + MAX_WBITS;
    constexpr int kMemoryLevel = 8;
    if (::deflateInit2(&stream, kGzipLevel, Z_DEFLATED, kGzipFormat, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(into);
    stream.avail_out = static_cast<uInt>(room);
    const bool whole = ::deflate(&stream, Z_FINISH) == Z_STREAM_END;
    const std::size_t written = stream.total_out;
    ::deflateEnd(&stream);
    return whole ? written : 0;
}

std::size_t brotli(std::string_view bytes, char* into, std::size_t room) noexcept {
    std::size_t written = room;
    const auto whole = ::BrotliEncoderCompress(kBrotliQuality, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_GENERIC, bytes.size(),
                                               reinterpret_cast<const std::uint8_t*>(bytes.data()), &written,
                                               reinterpret_cast<std::uint8_t*>(into));
    return whole == BROTLI_TRUE ? written : 0;
}

std::size_t zstd(std::string_view bytes, char* into, std::size_t room) noexcept {
    // A context of its own: ZSTD_compress would put it on the stack.
    const std::unique_ptr<ZSTD_CCtx, decltype(&::ZSTD_freeCCtx)> context(::ZSTD_createCCtx(), &::ZSTD_freeCCtx);
    if (context == nullptr) return 0;
    const std::size_t written = ::ZSTD_compressCCtx(context.get(), into, room, bytes.data(), bytes.size(), kZstdLevel);
    return ::ZSTD_isError(written) != 0 ? 0 : written;
}

std::size_t encode_into(Coding coding, std::string_view bytes, char* into, std::size_t room) noexcept {
    switch (coding) {
        case Coding::gzip: return gzip(bytes, into, room);
        case Coding::br: return brotli(bytes, into, room);
        case Coding::zstd: return zstd(bytes, into, room);
        case Coding::identity: break;
    }
    return 0;
}

}  // namespace

std::optional<std::string> encode(Coding coding, std::string_view bytes) noexcept {
    if (bytes.size() < 2 || bytes.size() > std::numeric_limits<uInt>::max()) return std::nullopt;
    try {
        std::string encoded;
        encoded.resize_and_overwrite(bytes.size() - 1, [&](char* into, std::size_t room) noexcept {
            return encode_into(coding, bytes, into, room);
        });
        if (encoded.empty()) return std::nullopt;
        encoded.shrink_to_fit();
        return encoded;
    } catch (const std::bad_alloc&) {
        return std::nullopt;
    }
}

}  // namespace spindle::http
