// SPDX-License-Identifier: Apache-2.0
//
// Field values in parts: what most of RFC 9110's grammars begin with.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace spindle::http {

namespace detail {
inline constexpr std::array<bool, 256> kTokenBytes = [] {
    std::array<bool, 256> table{};
    for (unsigned c = '0'; c <= '9'; ++c) table[c] = true;
    for (unsigned c = 'A'; c <= 'Z'; ++c) table[c] = table[c + 32] = true;
    for (unsigned char c : std::string_view("!#$%&'*+-.^_`|~")) table[c] = true;
    return table;
}();
}  // namespace detail

/// tchar (RFC 9110 section 5.6.2).
[[nodiscard]] constexpr bool is_token_byte(char c) noexcept {
    return detail::kTokenBytes[static_cast<unsigned char>(c)];
}

/// What a text begins with that is a token; may be empty.
[[nodiscard]] constexpr std::string_view leading_token(std::string_view text) noexcept {
    return {text.begin(), std::ranges::find_if_not(text, is_token_byte)};
}

/// OWS (RFC 9110 section 5.6.3).
inline constexpr std::string_view kBlank = " \t";

/// Without the blanks around it.
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept {
    text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
    return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

/// Takes what is before `mark`, or all, off the front of `text`, and the mark with it; trimmed.
[[nodiscard]] constexpr std::string_view take_until(std::string_view& text, char mark) noexcept {
    const std::string_view taken = text.substr(0, text.find(mark));
    text.remove_prefix(std::min(taken.size() + 1, text.size()));
    return trimmed(taken);
}

/// What of a Host field is the name or the address.
[[nodiscard]] constexpr std::string_view without_port(std::string_view host) noexcept {
    const std::size_t behind = host.starts_with('[') ? host.find(']') : 0;
    return host.substr(0, host.find(':', std::min(behind, host.size())));
}

}  // namespace spindle::http
