// SPDX-License-Identifier: Apache-2.0
//
// An address of a client or of whoever asks for it: of the kernel, of a PROXY header or of a request's field; text
// only when it is logged.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>

#include "config/network.hpp"
#include "server/http/proxy_header.hpp"

namespace spindle::pipeline {

using PeerText = std::array<char, INET6_ADDRSTRLEN>;

/// An IPv4 address within IPv6 counts as IPv4, whichever way it came.
class PeerAddress {
  public:
    PeerAddress() = default;
    /// Of a connected socket's peer.
    [[nodiscard]] static PeerAddress of(int descriptor) noexcept;
    /// The same, not known before settle(): for those whom nobody may ask for.
    [[nodiscard]] static PeerAddress asked_later(int descriptor) noexcept;
    /// Its source.
    [[nodiscard]] static PeerAddress of(const http::ProxyHeader& header) noexcept;
    /// "192.0.2.1", "2001:db8::1"; nothing for other text.
    [[nodiscard]] static std::optional<PeerAddress> parse(std::string_view text) noexcept;

    /// Asks the kernel, unless it is known.
    void settle() noexcept;

    [[nodiscard]] bool known() const noexcept { return family_ != AF_UNSPEC && family_ != kAskedLater; }
    /// It has a network(): not a local socket's.
    [[nodiscard]] bool is_remote() const noexcept { return family_ == AF_INET || family_ == AF_INET6; }
    [[nodiscard]] bool is_in(std::span<const config::Network> networks) const noexcept {
        return config::contains(networks, family_, bytes_);
    }
    /// What one client has, as bytes: an IPv4 address, or a /64 of IPv6, which is the least that providers give out.
    [[nodiscard]] std::span<const unsigned char> network() const noexcept {
        return family_ == AF_INET6 ? std::span(bytes_).first(8) : std::span(bytes_).last(4);
    }
    /// Without the port; "unix" for a local socket, "-" if it is not known. A view into `buffer` or static.
    [[nodiscard]] std::string_view text(PeerText& buffer) const noexcept;

    friend bool operator==(const PeerAddress&, const PeerAddress&) = default;

  private:
    static constexpr sa_family_t kAskedLater = AF_MAX;  ///< bytes_ begin with the descriptor

    PeerAddress(sa_family_t family, const void* bytes, std::size_t count) noexcept;

    config::AddressBytes bytes_{};  ///< an IPv4 address in the last four
    sa_family_t family_ = AF_UNSPEC;
};
static_assert(sizeof(PeerAddress) == 18, "each connection keeps one");

}  // namespace spindle::pipeline
