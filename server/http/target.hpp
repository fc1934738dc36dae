// SPDX-License-Identifier: Apache-2.0
//
// The request-target (RFC 9112 section 3.2): its form, and the path as routes and files see it.
#pragma once

#include "server/http/request.hpp"

namespace spindle::http {

/// Sets request.path, query and, for an absolute-form target, host, from request.target and method. The
/// path is percent-decoded and has its dot segments removed; views into the target where nothing had to
/// change. False (400): no valid form, bytes that no URI has, a bad escape, an encoded NUL or slash (which
/// would make one segment look like two), a path that climbs above the root.
[[nodiscard]] bool interpret_target(Request& request);

/// RFC 9112 section 3.2: host [":" port], no user information; the host may be empty.
[[nodiscard]] bool valid_host(std::string_view host) noexcept;

/// What of a target may be logged: user information is none of http's (RFC 9110 section 4.2.4; such a target is refused),
/// and its password none of a log's. Cut off before it.
[[nodiscard]] std::string_view without_user_information(std::string_view target) noexcept;

}  // namespace spindle::http
