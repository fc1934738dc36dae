// SPDX-License-Identifier: Apache-2.0
#include "config/checks.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include <netdb.h>

#include "config/route_path.hpp"
#include "config/text_template.hpp"

namespace spindle::config {

namespace {

/// A host's address, as numbers. Whether this machine has it is found when it is bound.
bool is_numeric_host(const std::string& host) {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return false;
    ::freeaddrinfo(found);
    return true;
}

}  // namespace

bool is_token(std::string_view text) {
    constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [&](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || kOthers.find(c) != kOthers.npos;
    });
}

bool is_field_value(std::string_view text) {
    return std::ranges::none_of(text, [](char c) { return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f; });
}

std::string_view why_not_settable(std::string_view name) {
    constexpr std::string_view kAlways = "each response has it, and the server makes it";
    constexpr std::string_view kFraming = "it tells where a message ends, which only the server knows";
    constexpr std::string_view kConnection = "it tells what becomes of the connection, which only the server knows";
    struct Own {
        std::string_view name;
        std::string_view why;
    };
    constexpr auto kOwn = std::to_array<Own>({{"connection", kConnection},
                                              {"content-length", kFraming},
                                              {"date", kAlways},
                                              {"server", kAlways},
                                              {"trailer", kFraming},
                                              {"transfer-encoding", kFraming},
                                              {"upgrade", kConnection}});
    std::string lower(name);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto own = std::ranges::find(kOwn, lower, &Own::name);
    return own == kOwn.end() ? std::string_view() : own->why;
}

bool is_media_type(std::string_view text) {
    constexpr std::string_view kToken = "abcdefghijklmnopqrstuvwxyz0123456789!#$&^_.+-";
    const std::size_t slash = text.find('/');
    return slash != text.npos && slash > 0 && slash + 1 < text.size() &&
           text.substr(0, slash).find_first_not_of(kToken) == text.npos &&
           text.substr(slash + 1).find_first_not_of(kToken) == text.npos;
}

bool is_content_type(std::string_view text) {
    return is_media_type(text.substr(0, text.find(';'))) && is_field_value(text);
}

bool is_extension(std::string_view text) {
    return is_token(text) && text.size() <= 32 &&
           std::ranges::none_of(text, [](char c) { return c == '.' || (c >= 'A' && c <= 'Z'); });
}

bool is_clean(std::string_view text) { return !text.empty() && text.find('\0') == text.npos; }
bool is_route_path(std::string_view text) {
    return text.starts_with('/') && is_clean(text) && text.find_first_of("?#") == text.npos &&
           parse_route_path(text).has_value();
}
bool is_template(std::string_view text) {
    return is_clean(text) && is_field_value(text) && text.find(' ') == text.npos && parse_template(text).has_value();
}
bool is_tried_path(std::string_view text) {
    const auto parsed = parse_template(text);
    return is_clean(text) && !text.starts_with('/') && parsed &&
           std::ranges::all_of(*parsed, [](const auto& piece) { return !piece.is_variable || piece.text == "path"; });
}
bool is_origin(std::string_view text) {
    return text == "*" || (text.find("://") != text.npos && !text.ends_with('/') && is_field_value(text) &&
                           text.find_first_of(" ,") == text.npos);
}

bool is_host(std::string_view text) {
    if (text.starts_with("*.")) text.remove_prefix(2);
    if (text.starts_with('['))
        return text.ends_with(']') && is_numeric_host(std::string(text.substr(1, text.size() - 2)));
    return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-._") == text.npos &&
           !text.starts_with('.') && !text.ends_with('.') && text.find("..") == text.npos;
}
bool is_file_name(std::string_view text) {
    return is_clean(text) && text.find('/') == text.npos && text != "." && text != "..";
}

bool is_address(std::string_view text) {
    if (!is_clean(text)) return false;
    if (text == "systemd") return true;
    if (text.starts_with("systemd:")) return text.size() > 8 && text.find(':', 8) == text.npos;
    if (text.starts_with("unix:")) return text.size() > 5 && text.size() < 5 + 108;
    const std::size_t colon = text.rfind(':');
    if (colon == text.npos || colon == 0) return false;
    const std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (!bracketed && host.find_first_not_of("0123456789.") != host.npos) return false;
    if (!is_numeric_host(std::string(bracketed ? host.substr(1, host.size() - 2) : host))) return false;
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != port.npos) return false;
    return std::stoul(std::string(port)) <= 65535;
}

}  // namespace spindle::config
