// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/reason.hpp"

#include <array>
#include <cerrno>

namespace spindle::pipeline {

Reason reason_of(http::ParseError error) noexcept {
    using enum http::ParseError;
    switch (error) {
        case malformed: return Reason::malformed;
        case head_too_large: return Reason::head_too_large;
        case too_many_fields: return Reason::too_many_fields;
        case target_too_long: return Reason::target_too_long;
        case body_too_large: return Reason::body_too_large;
        case timed_out: return Reason::head_late;
        case unknown_expectation: return Reason::unknown_expectation;
        case unknown_coding: return Reason::unknown_coding;
        case unknown_method: return Reason::unknown_method;
        case unsupported_version: return Reason::unsupported_version;
    }
    return Reason::malformed;
}

std::optional<Reason> reason_of(const http::Response& made) noexcept {
    using enum http::Cause;
    switch (made.cause) {
        case of_status: break;
        case wrong_credentials: return Reason::wrong_credentials;
        case no_descriptor: return Reason::file_no_descriptor;
        case no_memory: return Reason::file_no_memory;
    }
    return made.status == 401 ? std::optional(Reason::unauthenticated) : std::nullopt;
}

std::optional<Reason> shortage_of(runtime::Error error) noexcept {
    switch (error.code) {
        case ENOMEM:
        case ENOBUFS: return Reason::no_memory;
        case ENOSPC: return Reason::no_watch;
        default: return std::nullopt;
    }
}

std::string_view to_string(Reason reason) noexcept {
    static constexpr std::array<std::string_view, kReasons> kNames{
        "refused_malformed",
        "refused_head_too_large",
        "refused_too_many_fields",
        "refused_target_too_long",
        "refused_body_too_large",
        "refused_unknown_expectation",
        "refused_unknown_coding",
        "refused_unknown_method",
        "refused_unsupported_version",
        "refused_unknown_host",
        "refused_misdirected_scheme",
        "refused_head_late",
        "refused_body_late",
        "refused_handler_late",
        "refused_unauthenticated",
        "refused_wrong_credentials",
        "refused_denied",
        "refused_https_needed",
        "refused_length_required",
        "refused_rate_limited",
        "refused_file_no_descriptor",
        "refused_file_no_memory",
        "closed_address_full",
        "closed_proxy_untrusted",
        "closed_proxy_header_late",
        "closed_proxy_header_cut_off",
        "closed_proxy_header_malformed",
        "closed_silent",
        "closed_idle",
        "closed_client_gone",
        "closed_write_late",
        "closed_no_memory",
        "closed_no_watch",
        "closed_file_changed",
        "closed_file_unreadable",
        "closed_handler_failed",
    };
    static_assert(!kNames.back().empty(), "each reason has a name");
    return kNames[static_cast<std::size_t>(reason)];
}

}  // namespace spindle::pipeline
