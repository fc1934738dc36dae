// SPDX-License-Identifier: Apache-2.0
#include "server/http/status.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace spindle::http {

namespace {

using Row = std::pair<std::uint16_t, std::string_view>;

// RFC 9110 section 15 and the IANA registry.
constexpr std::array kReasons = std::to_array<Row>({
    {100, "Continue"},
    {101, "Switching Protocols"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
});
static_assert(std::ranges::is_sorted(kReasons, {}, &Row::first));

}  // namespace

std::uint16_t status_of(ParseError error) noexcept {
    switch (error) {
        case ParseError::malformed: return 400;
        case ParseError::head_too_large:
        case ParseError::too_many_fields: return 431;
        case ParseError::target_too_long: return 414;
        case ParseError::body_too_large: return 413;
        case ParseError::timed_out: return 408;
        case ParseError::unknown_expectation: return 417;
        case ParseError::unknown_coding:
        case ParseError::unknown_method: return 501;
        case ParseError::unsupported_version: return 505;
    }
    return 400;
}

std::string_view reason_phrase(std::uint16_t status) noexcept {
    const auto row = std::ranges::lower_bound(kReasons, status, {}, &Row::first);
    return row != kReasons.end() && row->first == status ? row->second : "Unknown";
}

}  // namespace spindle::http
