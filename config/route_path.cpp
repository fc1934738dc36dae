// SPDX-License-Identifier: Apache-2.0
#include "config/route_path.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "config/parameter_name.hpp"

namespace spindle::config {
namespace {

using Kind = PathSegment::Kind;

std::expected<PathSegment, std::string> parse_segment(std::string_view text) {
    const bool braced = text.starts_with('{') && text.ends_with('}');
    if (!braced) {
        if (text.find_first_of("{}") == text.npos) return PathSegment{Kind::literal, std::string(text)};
        return std::unexpected(fmt::format("{} is neither a name nor a whole segment {{name}}", text));
    }
    std::string_view name = text.substr(1, text.size() - 2);
    const bool rest = name.ends_with("...");
    if (rest) name.remove_suffix(3);
    if (!is_parameter_name(name)) return std::unexpected(fmt::format("{} has no name of a-z, 0-9 and _ in it", text));
    return PathSegment{rest ? Kind::rest : Kind::parameter, std::string(name)};
}

}  // namespace

bool RoutePath::has_parameters() const noexcept {
    return std::ranges::any_of(segments, [](const PathSegment& segment) { return segment.kind != Kind::literal; });
}

std::vector<std::string_view> RoutePath::parameter_names() const {
    std::vector<std::string_view> names;
    for (const PathSegment& segment : segments) {
        if (segment.kind != Kind::literal) names.push_back(segment.text);
    }
    return names;
}

std::expected<RoutePath, std::string> parse_route_path(std::string_view path) {
    if (!path.starts_with('/')) return std::unexpected("it does not begin with /");
    RoutePath parsed;
    parsed.subtree = path.ends_with('/');
    path.remove_prefix(1);
    if (parsed.subtree && !path.empty()) path.remove_suffix(1);
    for (bool more = !path.empty(); more;) {
        const std::size_t slash = path.find('/');
        auto segment = parse_segment(path.substr(0, slash));
        if (!segment) return std::unexpected(segment.error());
        more = slash != path.npos;
        if (more) path.remove_prefix(slash + 1);
        if (segment->kind == Kind::rest && (more || parsed.subtree)) {
            return std::unexpected(fmt::format("{{{}...}} is not its last segment", segment->text));
        }
        parsed.segments.push_back(std::move(*segment));
    }
    auto names = parsed.parameter_names();
    if (names.size() > RoutePath::kParametersMax) {
        return std::unexpected(fmt::format("it has more than {} parameters", RoutePath::kParametersMax));
    }
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    if (twice != names.end()) return std::unexpected(fmt::format("it has {{{}}} twice", *twice));
    return parsed;
}

}  // namespace spindle::config
