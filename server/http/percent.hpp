// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace spindle::http {

/// Appends `path` with all bytes percent-encoded that may not stand for themselves in a path (RFC 3986 section 3.3);
/// slashes stay.
void append_encoded_path(std::string& out, std::string_view path);

/// For a Location that begins with a path: of several leading slashes one stays, else what a client put into the path
/// would name another host ("//evil.example/").
void keep_one_slash(std::string& location);

}  // namespace spindle::http
