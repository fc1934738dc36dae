// SPDX-License-Identifier: Apache-2.0
#include "config/text_template.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "config/parameter_name.hpp"

namespace spindle::config {

std::expected<TextTemplate, std::string> parse_template(std::string_view text) {
    TextTemplate pieces;
    while (!text.empty()) {
        const std::size_t brace = text.find_first_of("{}");
        if (brace != 0) {
            pieces.push_back({false, std::string(text.substr(0, brace))});
            if (brace == text.npos) break;
            text.remove_prefix(brace);
        }
        const std::string_view braced = text.substr(0, std::min(text.find('}'), text.size() - 1) + 1);
        const std::string_view name = braced.substr(1, std::max<std::size_t>(braced.size(), 2) - 2);
        if (!braced.ends_with('}') || !is_parameter_name(name))
            return std::unexpected(fmt::format("{} is not {{name}}", braced));
        pieces.push_back({true, std::string(name)});
        text.remove_prefix(braced.size());
    }
    return pieces;
}

bool has_variable(const TextTemplate& text, std::string_view name) noexcept {
    return std::ranges::any_of(text,
                               [&](const TemplatePiece& piece) { return piece.is_variable && piece.text == name; });
}

}  // namespace spindle::config
