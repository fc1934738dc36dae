// SPDX-License-Identifier: Apache-2.0
//
// Files below a root. Every path is opened by openat2(2) with RESOLVE_BENEATH from the root's descriptor, so
// that no "..", encoding or symlink leaves it whatever changes on disk meanwhile. Names that begin with a dot
// do not exist, but for /.well-known/ (RFC 8615).
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "server/handlers/file_encoder.hpp"
#include "server/pipeline/handler.hpp"

namespace spindle::handlers {

/// Opens route.root. The error names it and the cause. `encoder` may be null: nothing is compressed then.
[[nodiscard]] std::expected<pipeline::Handler, std::string> make_static_files(const config::Route& route,
                                                                              std::shared_ptr<FileEncoder> encoder);

}  // namespace spindle::handlers
