// SPDX-License-Identifier: Apache-2.0
//
// Why a file is not there, as the client is told.
#pragma once

#include "server/http/response.hpp"

namespace spindle::handlers {

/// Dotfiles are answered with this too, so that nobody learns which exist.
[[nodiscard]] http::Response not_found();

/// For the errno of an open or a read. What leads outside the root is not found.
[[nodiscard]] http::Response failed(int error);

}  // namespace spindle::handlers
