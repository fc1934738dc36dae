// SPDX-License-Identifier: Apache-2.0
#include "server/http/request.hpp"

#include <array>

namespace spindle::http {

namespace {

constexpr std::array<std::string_view, 10> kMethodNames{"GET",     "HEAD",    "POST",  "PUT",   "DELETE",
                                                        "CONNECT", "OPTIONS", "TRACE", "PATCH", ""};

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

}  // namespace

std::string_view to_string(Method method) noexcept { return kMethodNames[static_cast<std::size_t>(method)]; }

bool iequals(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    if (a == b) return true;  // most are written as in the RFC
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

std::optional<std::string_view> Request::field(std::string_view name) const noexcept {
    for (const Field& field : fields) {
        if (iequals(field.name, name)) return field.value;
    }
    return std::nullopt;
}

void Request::forget() noexcept {
    method_name = target = host = path = query = {};
    fields.clear();
    user = nullptr;
}

std::optional<std::string_view> Request::query_value(std::string_view key) const noexcept {
    std::string_view rest = query;
    while (!rest.empty()) {
        const std::string_view pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
        const std::size_t equals = pair.find('=');
        if (pair.substr(0, equals) != key) continue;
        return equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    }
    return std::nullopt;
}

}  // namespace spindle::http
