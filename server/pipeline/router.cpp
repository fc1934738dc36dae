// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/router.hpp"

#include <algorithm>
#include <functional>
#include <ranges>
#include <tuple>

#include "runtime/error.hpp"

namespace spindle::pipeline {
namespace {

using config::PathSegment;
using config::RoutePath;
using Kind = PathSegment::Kind;

/// A path with parameters, segment by segment.
bool matches_pattern(const RoutePath& pattern, std::string_view path, Parameters& parameters) noexcept {
    std::size_t at = 0;
    std::size_t number = 0;
    for (const PathSegment& segment : pattern.segments) {
        if (at == path.size()) return false;
        const std::size_t first = at + 1;  // behind its slash
        at = segment.kind == Kind::rest ? path.size() : std::min(path.find('/', first), path.size());
        if (segment.kind == Kind::literal) {
            if (path.substr(first, at - first) != segment.text) return false;
            continue;
        }
        if (at == first) return false;
        parameters[number++] = path.substr(first, at - first);
    }
    return pattern.subtree ? at < path.size() : at == path.size();
}

bool matches(const Route& route, std::string_view path) noexcept {
    if (!route.pattern.segments.empty()) {
        Parameters parameters;
        return matches_pattern(route.pattern, path, parameters);
    }
    return route.path.ends_with('/') ? path.starts_with(route.path) : path == route.path;
}

std::uint16_t methods_of(std::string_view allow) noexcept {
    std::uint16_t methods = 0;
    for (unsigned i = 0; i < static_cast<unsigned>(http::Method::other); ++i) {
        for (const auto word : std::views::split(allow, std::string_view(", "))) {
            if (std::ranges::equal(word, to_string(static_cast<http::Method>(i)))) methods |= 1U << i;
        }
    }
    return methods;
}

/// Greater: tried before. How much of the path is fixed before the first parameter, whether all of it is, and how
/// much is fixed in all.
auto precedence(const Route& route) {
    const bool subtree = route.path.ends_with('/');
    const std::size_t fixed = std::min(route.path.find('{'), route.path.size());
    std::size_t literal = 0;
    for (const PathSegment& segment : route.pattern.segments) {
        if (segment.kind == Kind::literal) literal += 1 + segment.text.size();
    }
    const bool exact = !subtree && fixed == route.path.size();
    const bool takes_rest = subtree || route.path.ends_with("...}");
    return std::tuple(exact, fixed, !takes_rest, literal);
}

}  // namespace

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {
    for (Route& route : routes_) {
        route.methods = methods_of(route.allow);
        auto parsed = config::parse_route_path(route.path);
        CHECK_THAT(parsed.has_value());
        if (parsed->has_parameters()) route.pattern = std::move(*parsed);
    }
    std::ranges::stable_sort(routes_, std::ranges::greater{}, precedence);
}

// A dozen routes are walked faster than any tree is; compared by length and first bytes mostly.
const Route* Router::find(std::string_view path) const noexcept {
    const auto found = std::ranges::find_if(routes_, [&](const Route& route) { return matches(route, path); });
    return found == routes_.end() ? nullptr : &*found;
}

Parameters parameters_of(const Route& route, std::string_view path) noexcept {
    Parameters parameters;
    (void)matches_pattern(route.pattern, path, parameters);
    return parameters;
}

}  // namespace spindle::pipeline
