// SPDX-License-Identifier: Apache-2.0
//
// Files below a root. Every path is opened by openat2(2) with RESOLVE_BENEATH from the root's descriptor, so
// that no "..", encoding or symlink leaves it whatever changes on disk meanwhile; where route.symlinks is "none", with
// RESOLVE_NO_SYMLINKS too. Names that begin with a dot do not exist, but for /.well-known/ (RFC 8615).
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "server/handlers/file_cache.hpp"
#include "server/handlers/file_encoder.hpp"
#include "server/http/mime.hpp"
#include "server/pipeline/handler.hpp"

namespace spindle::handlers {

/// What all static routes of a server have in common. Null: no compression, nothing held in memory.
struct SharedFiles {
    std::shared_ptr<FileEncoder> encoder;
    std::shared_ptr<FileCache> cache;
    std::shared_ptr<const http::MimeTypes> types;  ///< never null
};

/// The error names the table of types that cannot be read.
[[nodiscard]] std::expected<SharedFiles, std::string> make_shared_files(const config::Config& config);

/// Opens route.root. The error names it and the cause.
[[nodiscard]] std::expected<pipeline::Handler, std::string> make_static_files(const config::Route& route,
                                                                              const SharedFiles& shared);

}  // namespace spindle::handlers
