// SPDX-License-Identifier: Apache-2.0
//
// A request head as the parser leaves it: views into the connection's bytes, nothing owned but the
// decoded path. Valid until the handler has returned and its response is written. Sans-I/O: the body
// is read through the pipeline (pipeline/handler.hpp), never from here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace spindle::http {

/// RFC 9110 section 9. `other` is any that llhttp knows beyond these; its name is in Request::method_name.
enum class Method : std::uint8_t { get, head, post, put, delete_, connect, options, trace, patch, other };

[[nodiscard]] std::string_view to_string(Method method) noexcept;

/// One field line (RFC 9110 section 5): name as sent, value without surrounding whitespace.
struct Field {
    std::string_view name;
    std::string_view value;
};

/// ASCII case-insensitive comparison, as field names and most tokens want it.
[[nodiscard]] bool iequals(std::string_view a, std::string_view b) noexcept;

struct Request {
    Method method = Method::get;
    std::uint8_t version_minor = 1;  ///< HTTP/1.x
    bool keep_alive = true;          ///< what the client asked for (RFC 9112 section 9.3)
    bool expects_continue = false;   ///< Expect: 100-continue (RFC 9110 section 10.1.1)
    bool weighs_codings = false;     ///< an Accept-Encoding has weights: any of them may be 0
    bool names_https = false;        ///< the target is absolute, and its scheme https
    bool chunked = false;            ///< body framed by chunked transfer coding
    std::optional<std::uint64_t> content_length;
    std::string_view method_name;
    std::string_view target;  ///< request-target as sent
    std::string_view host;    ///< Host field, or the authority of an absolute-form target
    std::string_view path;    ///< percent-decoded, dot segments removed, begins with '/'; "*" for OPTIONS *
    std::string_view query;   ///< after '?', as sent; empty if none
    std::vector<Field> fields;
    const std::string* user = nullptr;  ///< as whom a handler knows the client; null: nobody. Stays until it is logged
    std::string path_storage;           ///< backs `path` when decoding changed it

    /// First field of that name, case-insensitive; linear, requests have few fields.
    [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const noexcept;
    /// Value of `key` in the query ("a=1&b=2"), as sent (not decoded); the first one if repeated.
    [[nodiscard]] std::optional<std::string_view> query_value(std::string_view key) const noexcept;
    [[nodiscard]] bool has_body() const noexcept { return chunked || content_length.value_or(0) > 0; }

    /// Lets go of every view, of bytes that are moved or gone.
    void forget() noexcept;
};

}  // namespace spindle::http
