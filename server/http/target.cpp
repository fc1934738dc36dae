// SPDX-License-Identifier: Apache-2.0
#include "server/http/target.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "server/http/bytes.hpp"

namespace spindle::http {

namespace {

// Visible ASCII but for what RFC 3986 keeps out of URIs and what would end or confuse one. Lenient with
// the few that browsers send unencoded: " < > ^ ` { | }.
constexpr std::array<bool, 256> kTargetBytes = [] {
    std::array<bool, 256> table{};
    for (unsigned c = 0x21; c < 0x7f; ++c) table[c] = c != '#' && c != '\\';
    return table;
}();

constexpr std::array<bool, 256> table_of(std::string_view bytes) noexcept {
    std::array<bool, 256> table{};
    for (const char c : bytes) table[static_cast<unsigned char>(c)] = true;
    return table;
}

constexpr auto kDigits = table_of("0123456789");
constexpr auto kHostBytes = table_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~!$&'()*+;=%");

constexpr bool all_of(std::string_view text, const std::array<bool, 256>& allowed) noexcept {
    for (const char c : text) {
        if (!allowed[static_cast<unsigned char>(c)]) return false;
    }
    return true;
}

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool well_encoded(std::string_view text) noexcept {
    for (std::size_t at = text.find('%'); at != text.npos; at = text.find('%', at + 1)) {
        if (at + 2 >= text.size() || hex_digit(text[at + 1]) < 0 || hex_digit(text[at + 2]) < 0) return false;
    }
    return true;
}

bool is_ipv6(std::string_view text) noexcept {
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.size() >= terminated.size()) return false;
    std::ranges::copy(text, terminated.begin());
    in6_addr address{};
    return ::inet_pton(AF_INET6, terminated.data(), &address) == 1;
}

bool decode(std::string_view encoded, std::string& decoded) {
    decoded.clear();
    for (std::size_t i = 0; i < encoded.size(); ++i) {
        if (encoded[i] != '%') {
            decoded.push_back(encoded[i]);
            continue;
        }
        if (i + 2 >= encoded.size()) return false;
        const int high = hex_digit(encoded[i + 1]);
        const int low = hex_digit(encoded[i + 2]);
        if (high < 0 || low < 0) return false;
        const char byte = static_cast<char>(high * 16 + low);
        if (byte == '\0' || byte == '/') return false;
        decoded.push_back(byte);
        i += 2;
    }
    return true;
}

// RFC 3986 section 5.2.4, in place; false where ".." has nothing to remove.
bool remove_dot_segments(std::string& path) {
    std::string clean;
    std::string_view rest = path;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('/', 1), rest.size());
        const std::string_view segment = rest.substr(0, end);  // with its leading slash
        rest.remove_prefix(end);
        const bool last = rest.empty();
        if (segment == "/.") {
            if (last) clean.push_back('/');
        } else if (segment == "/..") {
            if (clean.empty()) return false;
            clean.erase(clean.rfind('/'));
            if (last) clean.push_back('/');
        } else {
            clean.append(segment);
        }
    }
    path = std::move(clean);
    return true;
}

bool interpret_path(Request& request, std::string_view path) {
    if (path.find('%') == std::string_view::npos && path.find("/.") == std::string_view::npos) {
        request.path = path;
        return true;
    }
    if (!decode(path, request.path_storage) || !remove_dot_segments(request.path_storage)) return false;
    request.path = request.path_storage;
    return true;
}

// http://authority[/path][?query]; takes the authority off, leaves "/path" or "" and the query.
bool take_authority(Request& request, std::string_view& target) {
    const std::size_t scheme = target.find("://");
    if (scheme == std::string_view::npos) return false;
    const std::string_view name = target.substr(0, scheme);
    request.names_https = iequals(name, "https");
    if (!iequals(name, "http") && !request.names_https) return false;
    target.remove_prefix(scheme + 3);
    request.host = target.substr(0, target.find_first_of("/?"));
    target.remove_prefix(request.host.size());
    return !request.host.empty() && valid_host(request.host);
}

// "/path" of nothing but bytes that stand for themselves: no query, no encoding, no dots, no other form.
bool is_plain(std::string_view target) noexcept {
    const auto doubtful = [](EightBytes bytes) {
        return bytes.below(0x21) | bytes.equal('\x7f') | bytes.above_ascii() | bytes.equal('#') | bytes.equal('\\') |
               bytes.equal('?') | bytes.equal('%') | bytes.equal('.');
    };
    return target.size() >= 8 && target.front() == '/' && clean(target, doubtful);
}

}  // namespace

bool interpret_target(Request& request) {
    std::string_view target = request.target;
    request.names_https = false;
    if (is_plain(target)) {
        request.query = {};
        request.path = target;
        return true;
    }
    if (!all_of(target, kTargetBytes)) return false;
    request.query = {};
    if (target == "*") {
        request.path = target;
        return request.method == Method::options;
    }
    if (target.empty() || (target.front() != '/' && !take_authority(request, target))) return false;
    const std::size_t question = target.find('?');
    if (question != std::string_view::npos) request.query = target.substr(question + 1);
    const std::string_view path = target.substr(0, question);
    return interpret_path(request, path.empty() ? std::string_view("/") : path);
}

std::string_view without_user_information(std::string_view target) noexcept {
    const std::size_t scheme = target.find("://");
    const bool absolute = scheme != target.npos && !target.starts_with('/');
    if (!absolute) return target;
    const std::size_t authority = scheme + 3;
    const std::size_t at = target.find('@', authority);
    return at < target.find_first_of("/?", authority) ? target.substr(0, authority) : target;
}

bool valid_host(std::string_view host) noexcept {
    std::size_t end = 0;
    if (host.starts_with('[')) {
        end = host.find(']');
        if (end == std::string_view::npos || !is_ipv6(host.substr(1, end - 1))) return false;
        ++end;
    } else {
        while (end < host.size() && kHostBytes[static_cast<unsigned char>(host[end])]) ++end;
        if (!well_encoded(host.substr(0, end))) return false;
    }
    if (end == host.size()) return true;
    const std::string_view port = host.substr(end + 1);
    return host[end] == ':' && port.size() <= 5 && all_of(port, kDigits);
}

}  // namespace spindle::http
