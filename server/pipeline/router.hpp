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

/// Where the parameters of a route stand in the path that matched it, in the order of the route's. Places and not
/// views, so that the path's bytes may move.
struct Parameters {
    struct Place {
        std::uint32_t first;
        std::uint32_t size;
    };
    std::array<Place, config::RoutePath::kParametersMax> places;  ///< as many as the route has

    [[nodiscard]] std::string_view in(std::string_view path, std::size_t number) const noexcept {
        return path.substr(places[number].first, places[number].size);
    }
};

class Router {
  public:
    explicit Router(std::vector<Route> routes);

    /// The route that matches, or null: the exact one, else that with the longest fixed beginning. A view of the
    /// router's own: valid as long as it lives.
    [[nodiscard]] const Route* find(std::string_view path, Parameters& parameters) const noexcept;

    /// Whether the route answers the method, as its Allow field says.
    [[nodiscard]] static bool allows(const Route& route, http::Method method) noexcept {
        return (route.methods >> static_cast<unsigned>(method) & 1U) != 0;
    }

  private:
    std::vector<Route> routes_;  ///< in the order in which they are tried: the first match is the one
};

}  // namespace spindle::pipeline
