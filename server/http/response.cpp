// SPDX-License-Identifier: Apache-2.0
#include "server/http/response.hpp"

#include <algorithm>

#include "server/http/request.hpp"

namespace spindle::http {

std::optional<std::string_view> Response::field(std::string_view name) const noexcept {
    const auto found =
        std::ranges::find_if(fields, [&](const ResponseField& field) { return iequals(field.name, name); });
    if (found == fields.end()) return std::nullopt;
    return found->value;
}

void Response::remove(std::string_view name) noexcept {
    std::erase_if(fields, [&](const ResponseField& field) { return iequals(field.name, name); });
}

}  // namespace spindle::http
