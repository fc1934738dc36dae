// SPDX-License-Identifier: Apache-2.0
//
// Status codes: their reason phrases, and the one table from what a client did wrong to how it is
// answered. Every such answer ends the connection: what follows on it cannot be trusted.
#pragma once

#include <cstdint>
#include <string_view>

namespace spindle::http {

/// What can be wrong with a request.
enum class ParseError : std::uint8_t {
    malformed,            ///< not HTTP, a method that llhttp does not know, or ambiguous framing
    head_too_large,       ///< limits.header_bytes
    too_many_fields,      ///< limits.header_count
    target_too_long,      ///< limits.target_bytes
    body_too_large,       ///< limits.body_bytes
    timed_out,            ///< timeouts.header or timeouts.body
    unknown_expectation,  ///< Expect other than 100-continue
    unknown_coding,       ///< a transfer coding other than chunked
    unknown_method,       ///< CONNECT: this is no proxy
    unsupported_version,  ///< neither HTTP/1.0 nor HTTP/1.1
};

[[nodiscard]] std::uint16_t status_of(ParseError error) noexcept;

/// "Not Found"; "Unknown" for codes that are not registered.
[[nodiscard]] std::string_view reason_phrase(std::uint16_t status) noexcept;

}  // namespace spindle::http
