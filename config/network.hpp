// SPDX-License-Identifier: Apache-2.0
//
// Networks as text ("10.0.0.0/8", "::1", "unix:") and as what an address is in. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include <sys/socket.h>

namespace spindle::config {

/// Of an address: 16 bytes, those of IPv4 last and zeros before them.
using AddressBytes = std::array<std::uint8_t, 16>;

struct Network {
    sa_family_t family = AF_UNSPEC;  ///< AF_INET, AF_INET6, or AF_UNIX: whoever comes over a unix socket
    std::uint8_t prefix_bits = 0;    ///< within the family's 32 or 128
    AddressBytes bytes{};            ///< zero behind the prefix

    [[nodiscard]] bool contains(sa_family_t of, const AddressBytes& address) const noexcept;
    friend bool operator==(const Network&, const Network&) = default;
};

[[nodiscard]] bool contains(std::span<const Network> networks, sa_family_t family,
                            const AddressBytes& address) noexcept;

/// An address alone is a network of one. IPv4 within IPv6 (::ffff:10.0.0.0/104) counts as IPv4, as clients do. Bits
/// behind the prefix must be zero: whoever writes 10.1.2.3/8 may mean 10.1.2.3. The error says what is wrong with it.
[[nodiscard]] std::expected<Network, std::string> parse_network(std::string_view text);

/// parse_network() reads it back.
[[nodiscard]] std::string to_string(const Network& network);

}  // namespace spindle::config
