// SPDX-License-Identifier: Apache-2.0
//
// What the configuration does to the responses of one route: headers, Cache-Control, error pages, CORS. Made of what
// is said for all, for the site and for the route. Immutable, any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "server/http/mime.hpp"
#include "server/http/request.hpp"
#include "server/http/response.hpp"
#include "server/pipeline/cors.hpp"

namespace spindle::pipeline {

class ResponseRules {
  public:
    /// Of `levels`, the nearest one last. Reads the error pages, whose types are of `types`; the error names the file.
    /// Null: there is nothing to do.
    [[nodiscard]] static std::expected<std::shared_ptr<const ResponseRules>, std::string> make(
        std::span<const config::ResponseRules* const> levels, const http::MimeTypes& types);

    /// Before the response's head is written. Its views point into the rules, which outlive it.
    void apply(const http::Request& request, http::Response& response) const;

    [[nodiscard]] const Cors& cors() const noexcept { return cors_; }

  private:
    struct Page {
        std::uint16_t status;
        std::string body;
        std::string type;
    };

    explicit ResponseRules(config::ResponseRules merged);

    const config::ResponseRules rules_;
    const Cors cors_;
    std::vector<Page> pages_;
};

/// `nearer` upon `outer`: where both say something of the same name, status or option, the nearer one's.
[[nodiscard]] config::ResponseRules merged(config::ResponseRules outer, const config::ResponseRules& nearer);

}  // namespace spindle::pipeline
