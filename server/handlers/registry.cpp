// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/registry.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <utility>

#include "server/handlers/basic_auth.hpp"
#include "server/handlers/echo.hpp"
#include "server/handlers/fixed.hpp"
#include "server/handlers/static_files.hpp"
#include "server/handlers/status.hpp"
#include "server/handlers/workload.hpp"
#include "server/pipeline/rate_limiter.hpp"

namespace spindle::handlers {
namespace {

using MadeRoute = std::expected<pipeline::Route, std::string>;
using MadeHandler = std::expected<pipeline::Handler, std::string>;

/// What handlers share.
struct Shared {
    const pipeline::Scoreboard& board;
    SharedFiles files;
};

struct Entry {
    std::string_view name;
    std::string_view allow;
    MadeHandler (*make)(const config::Route& route, const Shared& shared);
};

template <auto function>
MadeHandler plain(const config::Route&, const Shared&) {
    return pipeline::Handler(pipeline::PlainHandler(function));
}

template <auto function>
MadeHandler coroutine(const config::Route&, const Shared&) {
    return pipeline::Handler(pipeline::CoroutineHandler(function));
}

MadeHandler files(const config::Route& route, const Shared& shared) { return make_static_files(route, shared.files); }

MadeHandler status(const config::Route&, const Shared& shared) { return pipeline::Handler(make_status(shared.board)); }

MadeHandler redirect(const config::Route& route, const Shared&) { return make_redirect(route); }

MadeHandler respond(const config::Route& route, const Shared&) { return make_respond(route); }

constexpr std::string_view kReads = "GET, HEAD";
constexpr std::string_view kAll = "GET, HEAD, POST, PUT, DELETE, PATCH";

constexpr auto kEntries = std::to_array<Entry>({
    {"backend", kReads, plain<backend>},
    {"block", kReads, plain<block>},
    {"cpu", kReads, plain<cpu>},
    {"echo", "POST", coroutine<echo>},
    {"json", kReads, plain<json>},
    {"offload", kReads, coroutine<offload>},
    {"plaintext", kReads, plain<plaintext>},
    {"recurse", kReads, plain<recurse>},
    {"redirect", kAll, redirect},
    {"respond", kAll, respond},
    {"rewrite", kAll, plain<rewritten_too_often>},
    {"sleep", kReads, coroutine<sleep>},
    {"static", kReads, files},
    {"status", kReads, status},
    {"throw", kReads, plain<throw_>},
});

constexpr auto kNames = [] {
    std::array<std::string_view, kEntries.size()> names;
    std::ranges::transform(kEntries, names.begin(), &Entry::name);
    return names;
}();
static_assert(std::ranges::is_sorted(kNames));

/// Makes sites of their configuration; one for all of them, so that what they share is read once.
class Maker {
  public:
    Maker(const config::Config& config, Shared shared) : config_(config), shared_(std::move(shared)) {}

    std::expected<pipeline::Site, std::string> make_site(const config::Site& site) {
        std::vector<pipeline::Route> routes;
        for (const config::Route& route : site.routes) {
            MadeRoute made = make_route(site, route);
            if (!made) return std::unexpected("route " + route.path + ": " + made.error());
            routes.push_back(std::move(*made));
        }
        const std::array<const config::ResponseRules*, 2> levels{&config_.responses, &site.responses};
        auto rules = pipeline::ResponseRules::make(levels, *shared_.files.types);
        if (!rules) return std::unexpected(rules.error());
        return pipeline::Site{
            .hosts = site.hosts, .router = pipeline::Router(std::move(routes)), .rules = std::move(*rules)};
    }

  private:
    MadeRoute make_route(const config::Site& site, const config::Route& route) {
        const auto* entry = std::ranges::find(kEntries, route.handler, &Entry::name);
        if (entry == kEntries.end()) return std::unexpected("no handler is named " + route.handler);
        MadeHandler handler = entry->make(route, shared_);
        if (handler) handler = guard(std::move(*handler), site.access, route.access);
        if (!handler) return std::unexpected(handler.error());
        const bool https_only = route.access.https_only.value_or(site.access.https_only.value_or(false));
        const config::ResponseRules by_scheme = rules_by_scheme(route, https_only);
        const std::array<const config::ResponseRules*, 4> levels{&config_.responses, &site.responses, &route.responses,
                                                                 &by_scheme};
        auto rules = pipeline::ResponseRules::make(levels, *shared_.files.types);
        if (!rules) return std::unexpected(rules.error());
        pipeline::Route made{.path = route.path,
                             .handler = std::move(*handler),
                             .allow = std::string(entry->allow),
                             .rules = std::move(*rules),
                             .clients_denied = site.access.deny,
                             .clients_allowed = route.access.allow.empty() ? site.access.allow : route.access.allow};
        made.clients_denied.insert(made.clients_denied.end(), route.access.deny.begin(), route.access.deny.end());
        made.rate_limit = limit(site, route);
        made.https_only = https_only;
        made.length_required = route.access.length_required.value_or(site.access.length_required.value_or(false));
        if (route.handler == "rewrite") made.rewrite_to = config::parse_template(route.to).value();
        return made;
    }

    /// Where the answer depends on the client's scheme, all say so (RFC 9110 section 12.5.5): a cache between the proxy
    /// and this server asks by http for either, and would give one's answer to the other. Caches that ask by the
    /// client's own scheme tell them apart by the URI. The nearest level, so that no other one takes it away.
    [[nodiscard]] config::ResponseRules rules_by_scheme(const config::Route& route, bool https_only) const {
        config::ResponseRules rules;
        const bool redirects = route.handler == "redirect";
        const bool told = redirects && config::has_variable(config::parse_template(route.to).value(), "scheme");
        if (config_.proxies.trusted.empty() || !(https_only || told)) return rules;
        const bool forwarded = config_.proxies.field == config::ForwardedField::forwarded;
        rules.add_headers.push_back({"Vary", forwarded ? "Forwarded" : "X-Forwarded-Proto"});
        return rules;
    }

    /// A site's is one for all its routes that have none of their own.
    std::shared_ptr<pipeline::RateLimiter> limit(const config::Site& site, const config::Route& route) {
        if (route.access.rate.requests != 0) return make_limiter(route.access.rate);
        if (site.access.rate.requests == 0) return nullptr;
        std::shared_ptr<pipeline::RateLimiter>& made = limiters_[&site];
        if (made == nullptr) made = make_limiter(site.access.rate);
        return made;
    }

    static std::shared_ptr<pipeline::RateLimiter> make_limiter(const config::Rate& rate) {
        constexpr std::uint64_t kBurstMin = 10;  // a page and what belongs to it
        const auto in_a_second = std::chrono::nanoseconds(std::chrono::seconds(1)) * rate.requests / rate.period;
        const auto usual = std::max<std::uint64_t>(static_cast<std::uint64_t>(in_a_second), kBurstMin);
        return std::make_shared<pipeline::RateLimiter>(rate.requests, rate.period,
                                                       rate.burst == 0 ? usual : rate.burst);
    }

    MadeHandler guard(pipeline::Handler handler, const config::Access& site, const config::Access& route) {
        const auto& file = route.auth_file.empty() ? site.auth_file : route.auth_file;
        const std::string& realm = route.auth_realm.empty() ? site.auth_realm : route.auth_realm;
        if (file.empty() || !route.auth.value_or(site.auth.value_or(true))) return handler;
        std::shared_ptr<Users>& users = users_[file];
        if (users == nullptr) {
            auto read = read_users(file);
            if (!read) return std::unexpected(read.error());
            users = std::move(*read);
        }
        return with_basic_auth(std::move(handler), users, realm.empty() ? "restricted" : realm);
    }

    const config::Config& config_;
    Shared shared_;
    std::map<std::filesystem::path, std::shared_ptr<Users>> users_;
    std::map<const config::Site*, std::shared_ptr<pipeline::RateLimiter>> limiters_;
};

}  // namespace

std::span<const std::string_view> known_names() { return kNames; }

std::expected<pipeline::Sites, std::string> make_sites(const config::Config& config,
                                                       const pipeline::Scoreboard& board) {
    auto files = make_shared_files(config);
    if (!files) return std::unexpected(files.error());
    Maker maker(config, {.board = board, .files = std::move(*files)});
    config::Site outside;
    outside.routes = config.routes;
    auto rest = maker.make_site(outside);
    if (!rest) return std::unexpected(rest.error());
    auto general_rules = rest->rules;
    std::vector<pipeline::Site> sites;
    if (!config.routes.empty() || config.sites.empty()) sites.push_back(std::move(*rest));
    for (const config::Site& site : config.sites) {
        auto made = maker.make_site(site);
        if (!made) return std::unexpected(made.error());
        sites.push_back(std::move(*made));
    }
    return pipeline::Sites(std::move(sites), std::move(general_rules));
}

}  // namespace spindle::handlers
