// SPDX-License-Identifier: Apache-2.0
//
// From a request to its destination: by Host to a site, by path to a route of it, by rewrites on to another one.
// Immutable, any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/http/request.hpp"
#include "server/pipeline/response_rules.hpp"
#include "server/pipeline/router.hpp"

namespace spindle::pipeline {

struct Site {
    std::vector<std::string> hosts;  ///< "example.org", "*.example.org"; empty: every host that no other site has
    Router router;
    std::shared_ptr<const ResponseRules> rules;  ///< for what no route answers; may be null
};

/// Where a request goes. Points into the Sites that found it.
struct Destination {
    const Site* site = nullptr;    ///< null: the host is nobody's
    const Route* route = nullptr;  ///< null: the site has none for the path

    [[nodiscard]] const ResponseRules* rules() const noexcept {
        if (route != nullptr) return route->rules.get();
        return site == nullptr ? nullptr : site->rules.get();
    }
};

class Sites {
  public:
    /// `general_rules` hold for what is no site's; may be null.
    explicit Sites(std::vector<Site> sites, std::shared_ptr<const ResponseRules> general_rules = nullptr);

    /// Follows rewrites, which change the request's path and query.
    void lead(http::Request& request, Destination& to) const {
        to.site = named_ ? find(request.host) : fallback_;
        to.route = to.site == nullptr ? nullptr : to.site->router.find(request.path);
        if (to.route != nullptr && to.route->rewrite_to) [[unlikely]]
            rewrite(request, to);
    }

    [[nodiscard]] const ResponseRules* general_rules() const noexcept { return general_rules_.get(); }

    /// By a Host field's value: the exact name, the longest wildcard, the site for the rest; null if there is none.
    [[nodiscard]] const Site* find(std::string_view host) const noexcept;

  private:
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };
    using Names = std::unordered_map<std::string, const Site*, Hash, std::equal_to<>>;

    static void rewrite(http::Request& request, Destination& to);

    std::vector<Site> sites_;
    Names exact_;
    Names wildcards_;  // "example.org" for "*.example.org"
    const Site* fallback_ = nullptr;
    std::shared_ptr<const ResponseRules> general_rules_;
    bool named_ = false;
};

}  // namespace spindle::pipeline
