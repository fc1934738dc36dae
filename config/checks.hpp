// SPDX-License-Identifier: Apache-2.0
//
// What texts in a configuration may be. Pure.
#pragma once

#include <string_view>

namespace spindle::config {

[[nodiscard]] bool is_token(std::string_view text);
[[nodiscard]] bool is_field_value(std::string_view text);
/// Of a file's name, in lower case, without its dot.
[[nodiscard]] bool is_extension(std::string_view text);
/// A media type, perhaps with parameters.
[[nodiscard]] bool is_content_type(std::string_view text);
/// Why nobody but the server may set, add or remove a response's field of that name; empty: anybody may.
[[nodiscard]] std::string_view why_not_settable(std::string_view name);
/// Without parameters, in lower case, as "text/html".
[[nodiscard]] bool is_media_type(std::string_view text);
[[nodiscard]] bool is_clean(std::string_view text);
[[nodiscard]] bool is_route_path(std::string_view text);
[[nodiscard]] bool is_template(std::string_view text);
[[nodiscard]] bool is_tried_path(std::string_view text);
[[nodiscard]] bool is_origin(std::string_view text);
/// A name as Host has it, or "*." and one: no port, lower case.
[[nodiscard]] bool is_host(std::string_view text);
[[nodiscard]] bool is_file_name(std::string_view text);
/// A port, and a host before it: 127.0.0.1, [::1], or a unix socket's path, or what systemd passes.
[[nodiscard]] bool is_address(std::string_view text);

}  // namespace spindle::config
