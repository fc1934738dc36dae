// SPDX-License-Identifier: Apache-2.0
//
// The PROXY protocol, versions 1 and 2 (haproxy's doc/proxy-protocol.txt): what a proxy sends before the first byte of
// a connection to say whose connection it forwards. Pure; whoever calls it decides whom to believe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

namespace spindle::http {

struct ProxyHeader {
    enum class Source : std::uint8_t {
        connection,  ///< nobody else's: a health check of the proxy (LOCAL), or it does not know (UNKNOWN, AF_UNSPEC)
        ipv4,
        ipv6,
        unix_socket,
    };
    Source source = Source::connection;
    std::array<std::uint8_t, 16> address{};  ///< IPv4 in the last four bytes
    std::size_t bytes = 0;                   ///< of the header; what is behind it belongs to the connection

    friend bool operator==(const ProxyHeader&, const ProxyHeader&) = default;
};

enum class ProxyHeaderFault : std::uint8_t { incomplete, malformed };

/// Of version 1, with CR and LF (section 2.1).
inline constexpr std::size_t kProxyLineBytesMax = 107;
/// Of version 2 with its TLVs. The format allows 65551; what proxies send is some hundred.
inline constexpr std::size_t kProxyHeaderBytesMax = 4096;

/// `bytes`: all that the connection has brought. `incomplete` as long as more may make a header of it, so that the
/// outcome does not depend on how they come; never with kProxyHeaderBytesMax of them. TLVs are skipped unread.
[[nodiscard]] std::expected<ProxyHeader, ProxyHeaderFault> parse_proxy_header(std::string_view bytes) noexcept;

}  // namespace spindle::http
