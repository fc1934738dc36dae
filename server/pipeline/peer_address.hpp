// SPDX-License-Identifier: Apache-2.0
//
// The client's address as text, asked of the kernel when it is needed: most connections are never asked.
#pragma once

#include <array>
#include <string_view>

#include <netinet/in.h>

namespace spindle::pipeline {

using PeerText = std::array<char, INET6_ADDRSTRLEN>;

/// Without the port; an IPv4 client of a dual-stack listener as IPv4; "unix" for a local socket, "-" if
/// it is gone. A view into `text` or static.
[[nodiscard]] std::string_view peer_address(int descriptor, PeerText& text) noexcept;

}  // namespace spindle::pipeline
