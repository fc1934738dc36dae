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

}  // namespace spindle::http
