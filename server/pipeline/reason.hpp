// SPDX-License-Identifier: Apache-2.0
//
// Why a request is not let through to a handler, or a connection ends before its client wanted it to. Each is counted
// by itself, so that an operator sees from the figures what happens to clients, and which option or limit it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/error.hpp"
#include "server/http/response.hpp"
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
    misdirected_scheme,  ///< https:// was asked for, by plain http
    head_late,           ///< timeouts.header
    body_late,           ///< a body slower than timeouts.body and limits.body_rate bear
    handler_late,        ///< timeouts.handler, or a deadline of its own, also in the midst of its answer
    unauthenticated,     ///< no credentials, as each browser asks first
    wrong_credentials,
    denied,              ///< `allow`, `deny`
    https_needed,        ///< `https_only`, where no proxy says how the client came
    length_required,     ///< `length_required`
    rate_limited,        ///< `rate_limit`
    file_no_descriptor,  ///< opening what is to be sent failed for that
    file_no_memory,      ///< the same
    // Connections that end without an answer, or in the midst of one.
    address_full,     ///< limits.connections_per_address; a 503 is tried
    proxy_untrusted,  ///< only proxies may connect there
    proxy_header_late,
    proxy_header_cut_off,
    proxy_header_malformed,
    silent,           ///< nothing of a first request came for timeouts.header
    idle,             ///< timeouts.idle
    client_gone,      ///< closed or reset by the client while a request was under way
    write_late,       ///< an answer taken slower than timeouts.write and limits.write_rate bear
    no_memory,        ///< what its request needed was not to be had
    no_watch,         ///< the kernel watches no more sockets for this user (fs.epoll.max_user_watches)
    file_changed,     ///< while it was sent
    file_unreadable,  ///< the same
    handler_failed,   ///< the same: it threw
};
inline constexpr std::size_t kReasons = static_cast<std::size_t>(Reason::handler_failed) + 1;

/// `timed_out` may come of a head or of a body; it is the caller's to know.
[[nodiscard]] Reason reason_of(http::ParseError error) noexcept;

/// Of what a handler answers; nothing if it refuses nobody, or for a reason of its own.
[[nodiscard]] std::optional<Reason> reason_of(const http::Response& made) noexcept;

/// What was used up, if that is why the operation failed: it is nobody's fault who is connected.
[[nodiscard]] std::optional<Reason> shortage_of(runtime::Error error) noexcept;

/// In figures: "refused_malformed", "closed_idle".
[[nodiscard]] std::string_view to_string(Reason reason) noexcept;

/// A request was refused; else a connection was closed.
[[nodiscard]] constexpr bool refuses_request(Reason reason) noexcept { return reason < Reason::address_full; }

}  // namespace spindle::pipeline
