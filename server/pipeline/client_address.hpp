// SPDX-License-Identifier: Apache-2.0
//
// Who asks, where proxies stand between: what trusted proxies wrote into a request says for whom each of them asked.
// Pure, without an allocation.
#pragma once

#include <string_view>

#include "config/config.hpp"
#include "server/http/request.hpp"
#include "server/pipeline/peer_address.hpp"

namespace spindle::pipeline {

struct Client {
    PeerAddress address;
    std::string_view scheme = {};  ///< what it asked the proxies with: "http" or "https"; empty: none of them said it
};

/// `peer` itself, unless it is a trusted proxy. Then from right to left, each proxy having added to the right: the
/// first address that is no trusted proxy's. What cannot be read ends the way there, at the last address that could:
/// whatever is left of it may be forged. So does "unknown".
[[nodiscard]] Client client_of(const http::Request& request, const PeerAddress& peer,
                               const config::Proxies& proxies) noexcept;

}  // namespace spindle::pipeline
