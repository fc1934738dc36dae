// SPDX-License-Identifier: Apache-2.0
//
// What a route's path says: segments that stand for themselves, `{name}` for any one segment, and as the last one
// `{name...}` for all that is left. A path that ends in / takes its whole subtree.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace spindle::config {

struct PathSegment {
    enum class Kind { literal, parameter, rest };
    Kind kind = Kind::literal;
    std::string text;  ///< the literal, or the parameter's name
};

struct RoutePath {
    static constexpr std::size_t kParametersMax = 8;

    std::vector<PathSegment> segments;
    bool subtree = false;

    [[nodiscard]] bool has_parameters() const noexcept;
    [[nodiscard]] std::vector<std::string_view> parameter_names() const;
};

/// The error says what is wrong with it.
[[nodiscard]] std::expected<RoutePath, std::string> parse_route_path(std::string_view path);

}  // namespace spindle::config
