// SPDX-License-Identifier: Apache-2.0
//
// Why a request is not let through to a handler, or a connection ends before its client wanted it to. Each is counted
// by itself, so that an operator sees from the figures what happens to clients.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "server/http/status.hpp"

namespace spindle::pipeline {

enum class Reason : std::uint8_t {
    // Requests that are answered with an error of the protocol's or of the configuration's.
    malformed,
    head_too_large,
    too_many_fields,
    target_too_long,
    body_too_large,
    unknown_expectation,
    unknown_coding,
    unknown_method,
    unsupported_version,
    unknown_host,
    head_late,        ///< timeouts.header
    body_late,        ///< timeouts.body, or slower than limits.body_rate
    handler_late,     ///< timeouts.handler, or a deadline of its own, also in the midst of its answer
    unauthenticated,  ///< no credentials, or wrong ones
    denied,           ///< `allow`, `deny`; `https_only` where no proxy says how the client came
    rate_limited,     ///< `rate_limit`
    // Connections that end without an answer, or in the midst of one.
    address_full,       ///< limits.connections_per_address; a 503 is tried
    proxy_untrusted,    ///< only proxies may connect there
    proxy_header,       ///< no right PROXY header came
    idle,               ///< timeouts.idle; or nothing came for timeouts.header
    client_gone,        ///< closed or reset by the client while a request was under way
    write_late,         ///< timeouts.write, or slower than limits.write_rate
    no_memory,          ///< what its request needed was not to be had
    answer_incomplete,  ///< its file changed, its handler failed or the request's body broke off while it was sent
};
inline constexpr std::size_t kReasons = static_cast<std::size_t>(Reason::answer_incomplete) + 1;

/// `timed_out` may come of a head or of a body; it is the caller's to know.
[[nodiscard]] Reason reason_of(http::ParseError error) noexcept;

/// In figures: "refused_malformed", "closed_idle".
[[nodiscard]] std::string_view to_string(Reason reason) noexcept;

/// A request was refused; else a connection was closed.
[[nodiscard]] constexpr bool refuses_request(Reason reason) noexcept { return reason < Reason::address_full; }

}  // namespace spindle::pipeline
