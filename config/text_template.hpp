// SPDX-License-Identifier: Apache-2.0
//
// A text with places to be filled in for each request: "https://example.org/users/{id}".
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace spindle::config {

struct TemplatePiece {
    bool is_variable = false;
    std::string text;  ///< as it is, or the variable's name
};
using TextTemplate = std::vector<TemplatePiece>;

/// The error says what is wrong with it.
[[nodiscard]] std::expected<TextTemplate, std::string> parse_template(std::string_view text);

[[nodiscard]] bool has_variable(const TextTemplate& text, std::string_view name) noexcept;

}  // namespace spindle::config
