// SPDX-License-Identifier: Apache-2.0
//
// Cross-origin resource sharing: what a server says to a browser whose page is of another origin (Fetch standard,
// section 3.2, "HTTP CORS protocol"). Immutable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "server/http/request.hpp"
#include "server/http/response.hpp"

namespace spindle::pipeline {

class Cors {
  public:
    explicit Cors(const config::ResponseRules& rules);

    /// False: nobody's pages are let in, and nothing need be asked.
    [[nodiscard]] bool enabled() const noexcept { return !origins_.empty(); }

    /// To each response: whether the asking page may read it, and what of its headers.
    void allow_origin(const http::Request& request, http::Response& response) const;

    /// To the answer of an OPTIONS that asks before (a preflight request): what may be sent. `allow`: the route's methods.
    void answer_preflight(const http::Request& request, http::Response& response, std::string_view allow) const;

  private:
    [[nodiscard]] bool allows(std::string_view origin) const noexcept;

    std::vector<std::string> origins_;
    bool any_origin_;
    bool credentials_;
    std::string methods_;  // empty: the route's
    std::string headers_;
    std::string exposed_;
    std::string max_age_;
};

}  // namespace spindle::pipeline
