// SPDX-License-Identifier: Apache-2.0
//
// Media types by extension (RFC 9110 section 8.3). A constant table: no files, no state, any thread.
#pragma once

#include <string_view>

namespace spindle::http {

/// The type of the file at `path`, by what follows the last dot of its last segment, case-insensitive; of
/// static lifetime. "application/octet-stream" for names that are only an extension (".css") or unknown.
[[nodiscard]] std::string_view mime_type(std::string_view path) noexcept;

}  // namespace spindle::http
