// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace spindle::config {

/// What may stand in braces, in a route's path and in a text that is filled in.
[[nodiscard]] constexpr bool is_parameter_name(std::string_view name) noexcept {
    return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == name.npos;
}

}  // namespace spindle::config
