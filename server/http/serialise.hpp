// SPDX-License-Identifier: Apache-2.0
//
// Response heads and chunk framing, as bytes appended to the connection's output. No I/O, no clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/response.hpp"

namespace spindle::http {

/// How the end of the body is told (RFC 9112 section 6).
enum class Framing : std::uint8_t { content_length, chunked, until_close };

struct HeadOptions {
    std::string_view date;  ///< IMF-fixdate, made once a second
    bool keep_alive = true;
    bool http10 = false;  ///< the request's version: a kept connection must be said
    Framing framing = Framing::content_length;
    std::uint64_t content_length = 0;
    std::string_view request_id = {};  ///< for X-Request-ID; empty: none
};

/// Appends status line and fields. False, and nothing appended, if a field of the handler has a name that
/// is no token or a value, or the content type, with CR, LF or NUL (response splitting). Content-Length is left out where RFC
/// 9110 section 8.6 forbids it (1xx, 204) and for 304.
[[nodiscard]] bool append_head(std::string& out, const Response& response, const HeadOptions& options);

/// True for the statuses whose responses never have a body.
[[nodiscard]] constexpr bool is_bodiless(std::uint16_t status) noexcept {
    return status < 200 || status == 204 || status == 304;
}

/// Of a response that may have no content (RFC 9110 sections 6.4.1 and 15.3.6), whatever its handler gave it: what
/// followed its head would be taken for the next response. Takes it away.
inline void drop_forbidden_content(Response& response) noexcept {
    if (is_bodiless(response.status) || response.status == 205) [[unlikely]]
        response.body = std::monostate();
}

/// A body that lies in memory whole, empty ones too; nothing for files and streams.
[[nodiscard]] std::optional<std::string_view> bytes_in_memory(const Response& response) noexcept;

/// Of a body of known length; 0 for a stream.
[[nodiscard]] std::uint64_t body_length(const Response& response) noexcept;

/// "1f\r\n"; the chunk's bytes and "\r\n" follow. Never for 0 bytes: that is the last chunk.
void append_chunk_head(std::string& out, std::size_t bytes);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace spindle::http
