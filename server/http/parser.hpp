// SPDX-License-Identifier: Apache-2.0
//
// The HTTP/1.1 request parser: llhttp, which knows the grammar, and what this server wants beyond it.
// Bytes in, views out; it owns none of them and does no I/O.
//
// A head is parsed where it lies. The caller keeps the bytes of an incomplete head contiguous and may
// move them between calls; if the whole head came in one call, the views are made on the way, otherwise
// the head is run through once more when it is complete. Bytes beyond the message are never consumed, so
// that pipelined requests stay where they are.
//
// Beyond llhttp 9.2: limits; one valid Host; versions 1.0 and 1.1 only; Transfer-Encoding is exactly
// "chunked", and not in HTTP/1.0; single spaces in the request line; HTTP and not RTSP; bytes of targets; control
// bytes in values; expectations; what is a method, though an unknown one.
#pragma once

#include <llhttp.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/http/request.hpp"
#include "server/http/status.hpp"

namespace spindle::http {

/// In bytes, but for header_count. A limit that is passed is an error of its own.
struct Limits {
    std::uint64_t header_bytes = 16 * 1024;  ///< request line and field lines; also trailers, also a chunk's extensions
    std::uint64_t header_count = 100;        ///< of field lines, and of trailers
    std::uint64_t target_bytes = 8 * 1024;
    std::uint64_t body_bytes = 1024 * 1024;  ///< decoded
};

enum class Event : std::uint8_t {
    need_more,         ///< all bytes were consumed
    head_complete,     ///< bytes after the head were not consumed
    chunk,             ///< some bytes of the body were decoded
    message_complete,  ///< bytes after the body were not consumed
    error,             ///< see error(); the parser must be reset
};

/// One message at a time; reset() between two. Not thread-safe. Fixed address (llhttp points back).
class RequestParser {
  public:
    RequestParser() noexcept;
    RequestParser(const RequestParser&) = delete;
    RequestParser& operator=(const RequestParser&) = delete;

    /// Ready for the next request. `limits` must stay; `request` is emptied and filled by parse_head.
    void reset(const Limits& limits, Request& request) noexcept;

    /// The whole head so far; of it only what earlier calls have not consumed is looked at.
    /// -> need_more (nothing in the request is to be used), head_complete (its views point into `head`), error
    /// (what was understood is there, as views into `head`; the rest is empty).
    [[nodiscard]] Event parse_head(std::string_view head);
    /// Bytes of the head consumed so far; at head_complete, its length.
    [[nodiscard]] std::size_t head_bytes() const noexcept { return head_bytes_; }

    /// The bytes after the head or after the last call's. `chunk`: decoded body, a view into `bytes`.
    /// -> need_more, chunk, message_complete (with or without a chunk), error.
    [[nodiscard]] Event parse_body(std::string_view bytes, std::string_view& chunk);
    /// Bytes that the last parse_body took.
    [[nodiscard]] std::size_t consumed() const noexcept { return consumed_; }

    /// Of the body so far, decoded.
    [[nodiscard]] std::uint64_t body_bytes() const noexcept { return body_bytes_; }
    /// Of the message so far, head and body, as received.
    [[nodiscard]] std::uint64_t message_bytes() const noexcept { return head_bytes_ + body_consumed_; }

    [[nodiscard]] ParseError error() const noexcept { return error_; }

  private:
    struct Callbacks;
    friend struct Callbacks;

    void restart() noexcept;
    Event run_head(std::string_view unread);
    [[nodiscard]] bool accept_head(std::string_view head);
    /// llhttp has given up on what may still turn out to be a request line with an unknown method.
    [[nodiscard]] bool awaits_line(std::string_view head) const noexcept;
    [[nodiscard]] bool accept_fields();
    [[nodiscard]] bool accept_host();
    [[nodiscard]] ParseError error_of_llhttp(std::string_view head) const noexcept;
    /// The first error stays. `refuse` is for llhttp's callbacks, which stop it by what they return.
    Event fail(ParseError error) noexcept;
    Event fail_head(ParseError error, bool from_the_start) noexcept;
    bool reject(ParseError error) noexcept;  ///< fail, and false
    int refuse(ParseError error) noexcept;
    int count_overhead(std::size_t bytes) noexcept;

    llhttp_t llhttp_;
    const Limits* limits_ = nullptr;
    Request* request_ = nullptr;
    static constexpr std::size_t kHostKeptMax = 64;
    /// "1\r\nx\r\n", and some zeros. Who brings more, in extensions, sends them for their own sake.
    static constexpr std::uint64_t kFramingOfAByteMax = 8;
    std::string host_accepted_;          ///< the last one that was valid; survives reset()
    std::string_view* chunk_ = nullptr;  ///< parse_body's, while it runs: all its bytes, then the chunk in them
    std::uint64_t body_bytes_ = 0;       ///< decoded
    std::uint64_t body_consumed_ = 0;    ///< with its framing
    std::uint32_t head_bytes_ = 0;       ///< its limit is far below 4 GiB
    std::uint32_t consumed_ = 0;         ///< of one receive buffer at most
    std::uint32_t target_bytes_ = 0;     ///< so far
    std::uint32_t overhead_bytes_ = 0;   ///< of extensions of this chunk, or of trailers
    std::uint32_t trailers_ = 0;
    bool in_body_ = false;
    bool name_complete_ = false;     ///< the last field's: what comes is its value, or the next name
    bool extension_named_ = false;   ///< the chunk extension under way has a name
    bool extension_valued_ = false;  ///< it has "=", and something behind it
    bool message_complete_ = false;
    bool refused_ = false;  ///< by a callback of ours, not by llhttp
    ParseError error_{};
};

/// Follows the bytes that `request` views, moved from `from` to `to`.
void rebase(Request& request, const char* from, std::size_t bytes, const char* to) noexcept;

}  // namespace spindle::http
