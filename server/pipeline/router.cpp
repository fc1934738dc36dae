// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/router.hpp"

#include <algorithm>
#include <functional>
#include <ranges>

namespace spindle::pipeline {
namespace {

bool matches(const Route& route, std::string_view path) noexcept {
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

}  // namespace

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {
    for (Route& route : routes_) route.methods = methods_of(route.allow);
    std::ranges::stable_sort(routes_, std::ranges::greater{}, [](const Route& route) { return route.path.size(); });
}

// A dozen routes are walked faster than any tree is; compared by length and first bytes mostly.
const Route* Router::find(std::string_view path) const noexcept {
    const auto found = std::ranges::find_if(routes_, [&](const Route& route) { return matches(route, path); });
    return found == routes_.end() ? nullptr : &*found;
}

}  // namespace spindle::pipeline
