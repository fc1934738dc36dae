// SPDX-License-Identifier: Apache-2.0
//
// Conditional requests (RFC 9110 section 13). Pure functions of the request and the validators of what it asks for.
#pragma once

#include <ctime>
#include <string_view>

#include "server/http/request.hpp"

namespace spindle::http {

enum class Precondition {
    proceed,
    not_modified,  ///< 304
    failed,        ///< 412
};

/// The order of section 13.2.2: If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since. `etag` with its quotes.
[[nodiscard]] Precondition evaluate(const Request& request, std::string_view etag, std::time_t last_modified) noexcept;

/// Whether `list` ("*" or entity-tags, section 8.8.3) has `etag`. Weak comparison ignores W/; strong wants none.
enum class Comparison { strong, weak };
[[nodiscard]] bool has_etag(std::string_view list, std::string_view etag, Comparison comparison) noexcept;

}  // namespace spindle::http
