// SPDX-License-Identifier: Apache-2.0
//
// What the fields of a response say about its content coding. Pure.
#pragma once

#include "server/http/coding.hpp"
#include "server/http/response.hpp"

namespace spindle::http {

/// Vary: Accept-Encoding, beside what Vary says already.
void vary_by_encoding(Response& response);
[[nodiscard]] bool varies_by_encoding(const Response& response) noexcept;

/// The fields of a body that was encoded as it was sent: Content-Encoding; a weak ETag, since the bytes are others and
/// their number is not told by it, which still answers If-None-Match; no ranges.
void mark_encoded(Response& response, Coding coding);

/// To be called when it is known in which coding a body leaves: a client that refuses what is in none (RFC 9110 section
/// 12.5.3) gets 406 for what it asked to see, and errors without their text. What an unsafe method has done it is told.
void heed_refused_identity(const Request& request, Response& response);

}  // namespace spindle::http
