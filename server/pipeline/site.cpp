// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/site.hpp"

#include <algorithm>
#include <cctype>

#include "server/http/text.hpp"
#include "server/pipeline/fill_in.hpp"

namespace spindle::pipeline {

namespace {

/// More are a circle, in which a target may also grow many times over each time around; its last route then answers,
/// which a route with a rewrite does with 500.
constexpr int kRewritesMax = 8;
constexpr std::size_t kRewrittenBytesMax = std::size_t{64} * 1024;

}  // namespace

Sites::Sites(std::vector<Site> sites, std::shared_ptr<const ResponseRules> general_rules)
    : sites_(std::move(sites)), general_rules_(std::move(general_rules)) {
    for (const Site& site : sites_) {
        if (site.hosts.empty()) fallback_ = &site;
        for (const std::string& host : site.hosts) {
            named_ = true;
            if (host.starts_with("*.")) wildcards_.emplace(host.substr(2), &site);
            else exact_.emplace(host, &site);
        }
    }
}

// RFC 9110 section 7.2: the port does not matter here; names are compared as DNS does, also with its final dot.
const Site* Sites::find(std::string_view host) const noexcept {
    host = http::without_port(host);
    if (host.ends_with('.')) host.remove_suffix(1);
    constexpr std::size_t kLongestName = 255;
    if (host.size() > kLongestName) return fallback_;
    std::array<char, kLongestName> lower;
    std::ranges::transform(host, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::string_view name(lower.data(), host.size());
    if (const auto found = exact_.find(name); found != exact_.end()) return found->second;
    for (std::size_t dot = name.find('.'); dot != name.npos; dot = name.find('.', dot + 1)) {
        const auto found = wildcards_.find(name.substr(dot + 1));
        if (found != wildcards_.end()) return found->second;
    }
    return fallback_;
}

void Sites::rewrite(http::Request& request, Destination& to) {
    for (int times = 0; times < kRewritesMax && to.route != nullptr && to.route->rewrite_to; ++times) {
        if (times > 0 && request.path_storage.size() > kRewrittenBytesMax) return;
        std::string target = fill_in(*to.route->rewrite_to, *to.route, request, Encoding::none);
        const std::size_t path_bytes = std::min(target.find('?'), target.size());
        if (path_bytes == target.size() && !request.query.empty()) target.append("?").append(request.query);
        request.path_storage = std::move(target);  // with it goes what the request had there before
        request.path = std::string_view(request.path_storage).substr(0, path_bytes);
        request.query = std::string_view(request.path_storage).substr(path_bytes);
        if (!request.query.empty()) request.query.remove_prefix(1);
        to.route = to.site->router.find(request.path);
    }
}

}  // namespace spindle::pipeline
