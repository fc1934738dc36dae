// SPDX-License-Identifier: Apache-2.0
#include "config/network.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include <arpa/inet.h>

#include <fmt/format.h>

namespace spindle::config {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr unsigned kMappedBits = 96;  // before the IPv4 address in an IPv6 one
constexpr AddressBytes kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

unsigned bits_of(sa_family_t family) noexcept { return family == AF_INET ? 32 : 128; }

/// Bits before the address' own.
unsigned skipped_bits(sa_family_t family) noexcept { return family == AF_INET ? kMappedBits : 0; }

bool same_bits(const AddressBytes& a, const AddressBytes& b, unsigned count) noexcept {
    const unsigned whole = count / 8;
    if (std::memcmp(a.data(), b.data(), whole) != 0) return false;
    const unsigned rest = count % 8;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

AddressBytes cut_behind(AddressBytes bytes, unsigned count) noexcept {
    for (unsigned bit = count; bit < 128; ++bit) bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> (bit % 8)));
    return bytes;
}

/// Digits without a sign, a space or a leading zero.
std::optional<unsigned> parse_prefix(std::string_view text, unsigned max) noexcept {
    if (text.empty() || text.size() > 3 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
    unsigned bits = 0;
    for (const char digit : text) {
        if (digit < '0' || digit > '9') return std::nullopt;
        bits = bits * 10 + static_cast<unsigned>(digit - '0');
    }
    return bits <= max ? std::optional(bits) : std::nullopt;
}

}  // namespace

bool Network::contains(sa_family_t of, const AddressBytes& address) const noexcept {
    return of == family && (family == AF_UNIX || same_bits(bytes, address, skipped_bits(family) + prefix_bits));
}

bool contains(std::span<const Network> networks, sa_family_t family, const AddressBytes& address) noexcept {
    return std::ranges::any_of(networks, [&](const Network& network) { return network.contains(family, address); });
}

std::expected<Network, std::string> parse_network(std::string_view text) {
    if (text == kUnix) return Network{.family = AF_UNIX};
    const std::size_t slash = text.find('/');
    const std::string host(text.substr(0, slash));
    Network network;
    if (::inet_pton(AF_INET, host.c_str(), &network.bytes[12]) == 1) network.family = AF_INET;
    else if (::inet_pton(AF_INET6, host.c_str(), network.bytes.data()) == 1) network.family = AF_INET6;
    if (network.family == AF_UNSPEC || host.find('\0') != host.npos)
        return std::unexpected(fmt::format("\"{}\" is no IPv4 or IPv6 address", host));

    unsigned bits = bits_of(network.family);
    if (slash != text.npos) {
        const auto prefix = parse_prefix(text.substr(slash + 1), bits);
        if (!prefix) return std::unexpected(fmt::format("the prefix of \"{}\" is no number from 0 to {}", text, bits));
        bits = *prefix;
    }
    const AddressBytes cut = cut_behind(network.bytes, skipped_bits(network.family) + bits);
    if (cut != network.bytes) {
        Network meant = network;
        meant.bytes = cut;
        meant.prefix_bits = static_cast<std::uint8_t>(bits);
        return std::unexpected(fmt::format("\"{}\" has bits behind its prefix; {} is the network, {} the address", text,
                                           to_string(meant), host));
    }
    if (network.family == AF_INET6 && bits >= kMappedBits && same_bits(network.bytes, kMapped, kMappedBits)) {
        network.family = AF_INET;
        bits -= kMappedBits;
        std::fill_n(network.bytes.begin(), 12, std::uint8_t{0});
    }
    network.prefix_bits = static_cast<std::uint8_t>(bits);
    return network;
}

std::string to_string(const Network& network) {
    if (network.family == AF_UNIX) return std::string(kUnix);
    char text[INET6_ADDRSTRLEN];
    ::inet_ntop(network.family, &network.bytes[network.family == AF_INET ? 12 : 0], text, sizeof text);
    if (network.prefix_bits == bits_of(network.family)) return text;
    return fmt::format("{}/{}", text, network.prefix_bits);
}

}  // namespace spindle::config
