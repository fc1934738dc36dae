// SPDX-License-Identifier: Apache-2.0
#include "server/http/proxy_header.hpp"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>

namespace spindle::http {
namespace {

using Outcome = std::expected<ProxyHeader, ProxyHeaderFault>;
using Source = ProxyHeader::Source;

constexpr std::string_view kLineBegin = "PROXY ";
constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kFixedBytes = 16;  // of version 2, before the addresses

constexpr std::unexpected<ProxyHeaderFault> kIncomplete{ProxyHeaderFault::incomplete};
constexpr std::unexpected<ProxyHeaderFault> kMalformed{ProxyHeaderFault::malformed};

bool may_become(std::string_view bytes, std::string_view begin) noexcept {
    const std::size_t count = std::min(bytes.size(), begin.size());
    return bytes.substr(0, count) == begin.substr(0, count);
}

// ---- version 1: "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"

/// Up to the next space, which is taken too; the last word ends where the line does.
std::string_view take_word(std::string_view& line) noexcept {
    const std::size_t space = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, space);
    line.remove_prefix(std::min(space + 1, line.size()));
    return word;
}

bool parse_address(int family, std::string_view text, std::uint8_t* into) noexcept {
    char terminated[INET6_ADDRSTRLEN]{};
    if (text.size() >= sizeof terminated || text.find('\0') != text.npos) return false;
    text.copy(terminated, text.size());
    return ::inet_pton(family, terminated, into) == 1;
}

bool is_port(std::string_view text) noexcept {
    if (text.empty() || text.size() > 5 || (text.size() > 1 && text.front() == '0')) return false;
    unsigned number = 0;
    for (const char digit : text) {
        if (digit < '0' || digit > '9') return false;
        number = number * 10 + static_cast<unsigned>(digit - '0');
    }
    return number <= 65535;
}

Outcome parse_line(std::string_view bytes) noexcept {
    const std::size_t end = bytes.substr(0, kProxyLineBytesMax).find("\r\n");
    if (end == bytes.npos) {
        if (bytes.size() < kProxyLineBytesMax) return kIncomplete;
        return kMalformed;
    }
    ProxyHeader header{.bytes = end + 2};
    std::string_view line = bytes.substr(kLineBegin.size(), end - kLineBegin.size());
    const bool more_follows = line.find(' ') != line.npos;
    const std::string_view family = take_word(line);
    if (family == "UNKNOWN") return header;  // and whatever stands behind it
    if (!more_follows || (family != "TCP4" && family != "TCP6")) return kMalformed;
    const bool ipv4 = family == "TCP4";
    header.source = ipv4 ? Source::ipv4 : Source::ipv6;
    const std::size_t own_bytes = ipv4 ? 12 : 0;
    std::array<std::uint8_t, 16> destination;
    const bool addresses = parse_address(ipv4 ? AF_INET : AF_INET6, take_word(line), &header.address[own_bytes]) &&
                           parse_address(ipv4 ? AF_INET : AF_INET6, take_word(line), destination.data());
    if (!addresses || !is_port(take_word(line)) || !is_port(line)) return kMalformed;
    return header;
}

// ---- version 2

struct Family {
    Source source;
    std::size_t addresses_bytes;  // both, with ports; the source's first
};

constexpr std::array<Family, 4> kFamilies{{
    {Source::connection, 0},
    {Source::ipv4, 12},
    {Source::ipv6, 36},
    {Source::unix_socket, 216},
}};

Outcome parse_binary(std::string_view bytes) noexcept {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); };
    if (bytes.size() < kFixedBytes) return kIncomplete;
    const unsigned version = byte(12) >> 4;
    const unsigned command = byte(12) & 15;
    const unsigned family = byte(13) >> 4;
    const unsigned transport = byte(13) & 15;
    const std::size_t length = static_cast<std::size_t>(byte(14) << 8 | byte(15));
    if (version != 2 || command > 1 || kFixedBytes + length > kProxyHeaderBytesMax) return kMalformed;
    const bool local = command == 0;  // its family is to be ignored, whatever it is
    if (!local && (family >= kFamilies.size() || transport > 2 || length < kFamilies[family].addresses_bytes))
        return kMalformed;
    if (bytes.size() < kFixedBytes + length) return kIncomplete;

    ProxyHeader header{.bytes = kFixedBytes + length};
    constexpr unsigned kStream = 1;
    if (local || transport != kStream) return header;
    header.source = kFamilies[family].source;
    const char* const source = bytes.data() + kFixedBytes;
    if (header.source == Source::ipv4) std::memcpy(&header.address[12], source, 4);
    if (header.source == Source::ipv6) std::memcpy(header.address.data(), source, 16);
    return header;
}

}  // namespace

Outcome parse_proxy_header(std::string_view bytes) noexcept {
    if (may_become(bytes, kLineBegin)) return bytes.size() < kLineBegin.size() ? kIncomplete : parse_line(bytes);
    if (may_become(bytes, kSignature)) return parse_binary(bytes);
    return kMalformed;
}

}  // namespace spindle::http
