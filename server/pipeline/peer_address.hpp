// SPDX-License-Identifier: Apache-2.0
//
// The client's address: asked of the kernel when the connection begins, since later the client may be gone; text
// only when it is logged.
#pragma once

#include <array>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>

namespace spindle::pipeline {

using PeerText = std::array<char, INET6_ADDRSTRLEN>;

class PeerAddress {
  public:
    PeerAddress() = default;
    /// Of a connected socket. An IPv4 client of a dual-stack listener counts as IPv4.
    [[nodiscard]] static PeerAddress of(int descriptor) noexcept;

    /// Without the port; "unix" for a local socket, "-" if it is not known. A view into `buffer` or static.
    [[nodiscard]] std::string_view text(PeerText& buffer) const noexcept;

  private:
    in6_addr address_{};  ///< an IPv4 address in its last four bytes
    sa_family_t family_ = AF_UNSPEC;
};

}  // namespace spindle::pipeline
