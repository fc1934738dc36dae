// SPDX-License-Identifier: Apache-2.0
//
// Bytes in a content coding as they come: whoever gets what was made of a piece can decode all of that piece. Computes;
// about half a millisecond for kPieceBytesMax. One flow at a time, any thread; little stack.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "server/http/coding.hpp"

namespace spindle::http {

class StreamEncoder {
  public:
    static constexpr std::size_t kPieceBytesMax = std::size_t{16} * 1024;

    virtual ~StreamEncoder() = default;
    /// Appends `bytes`, of which there are some and at most kPieceBytesMax, encoded. Both throw std::bad_alloc, and
    /// then the stream cannot be continued.
    virtual void encode(std::string_view bytes, std::string& into) = 0;
    /// Appends the end of the stream.
    virtual void finish(std::string& into) = 0;
};

/// What an encoder holds at most, in bytes. Windows and levels are chosen for it: a server has many streams at once,
/// each for as long as its client listens.
[[nodiscard]] constexpr std::size_t stream_encoder_bytes(Coding coding) noexcept {
    switch (coding) {
        case Coding::gzip: return std::size_t{72} * 1024;
        case Coding::zstd: return std::size_t{280} * 1024;
        case Coding::br: return std::size_t{592} * 1024;
        case Coding::identity: break;
    }
    return 0;
}

/// Null for identity. Throws std::bad_alloc.
[[nodiscard]] std::unique_ptr<StreamEncoder> make_stream_encoder(Coding coding);

}  // namespace spindle::http
