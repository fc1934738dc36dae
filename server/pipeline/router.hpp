// SPDX-License-Identifier: Apache-2.0
//
// From a path to its route. Immutable, so any thread may ask.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "server/http/request.hpp"
#include "server/pipeline/handler.hpp"

namespace spindle::pipeline {

class Router {
  public:
    explicit Router(std::vector<Route> routes);

    /// The longest route that matches, or null. Views of the router's own: valid as long as it lives.
    [[nodiscard]] const Route* find(std::string_view path) const noexcept;

    /// Whether the route answers the method, as its Allow field says.
    [[nodiscard]] static bool allows(const Route& route, http::Method method) noexcept {
        return (route.methods >> static_cast<unsigned>(method) & 1U) != 0;
    }

  private:
    std::vector<Route> routes_;  ///< longest path first: the first match is the one
};

}  // namespace spindle::pipeline
