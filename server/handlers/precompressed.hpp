// SPDX-License-Identifier: Apache-2.0
//
// Files that lie encoded beside their originals: style.css.br beside style.css.
#pragma once

#include <optional>
#include <string>

#include "server/handlers/static_root.hpp"
#include "server/http/coding.hpp"

namespace spindle::handlers {

struct EncodedFile {
    FilePointer file;
    http::Coding coding;
};

/// The first of `codings` in which the file at `path` is there; one that is older than its original is of another
/// one. Looks no further than identity. May suspend; `path` and `original` must stay until then.
[[nodiscard]] runtime::task<std::optional<EncodedFile>> find_encoded(const StaticRoot& root, const std::string& path,
                                                                     const File& original, http::Codings codings);

}  // namespace spindle::handlers
