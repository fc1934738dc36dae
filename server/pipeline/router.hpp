// SPDX-License-Identifier: Apache-2.0
//
// From a path to its route. Immutable, so any thread may ask.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "config/route_path.hpp"
#include "server/http/request.hpp"
#include "server/pipeline/handler.hpp"

namespace spindle::pipeline {

/// Views into the path that matched the route, in the order of its parameters.
using Parameters = std::array<std::string_view, config::RoutePath::kParametersMax>;

/// Of a path that router found `route` for; as many as the route has.
[[nodiscard]] Parameters parameters_of(const Route& route, std::string_view path) noexcept;

class Router {
  public:
    explicit Router(std::vector<Route> routes);

    /// The route that matches, or null: the exact one, else that with the longest fixed beginning. A view of the
    /// router's own: valid as long as it lives.
    [[nodiscard]] const Route* find(std::string_view path) const noexcept;

    /// Whether the route answers the method, as its Allow field says.
    [[nodiscard]] static bool allows(const Route& route, http::Method method) noexcept {
        return (route.methods >> static_cast<unsigned>(method) & 1U) != 0;
    }

  private:
    std::vector<Route> routes_;  ///< in the order in which they are tried: the first match is the one
};

}  // namespace spindle::pipeline
