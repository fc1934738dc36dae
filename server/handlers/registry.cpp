// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/registry.hpp"

#include <algorithm>
#include <array>

#include "server/handlers/echo.hpp"
#include "server/handlers/static_files.hpp"
#include "server/handlers/status.hpp"
#include "server/handlers/workload.hpp"

namespace spindle::handlers {
namespace {

using MadeHandler = std::expected<pipeline::Handler, std::string>;

struct Entry {
    std::string_view name;
    std::string_view allow;
    MadeHandler (*make)(const config::Route& route, const pipeline::Scoreboard& board);
};

template <auto function>
MadeHandler plain(const config::Route&, const pipeline::Scoreboard&) {
    return pipeline::Handler(pipeline::PlainHandler(function));
}

template <auto function>
MadeHandler coroutine(const config::Route&, const pipeline::Scoreboard&) {
    return pipeline::Handler(pipeline::CoroutineHandler(function));
}

MadeHandler files(const config::Route& route, const pipeline::Scoreboard&) { return make_static_files(route); }

MadeHandler status(const config::Route&, const pipeline::Scoreboard& board) {
    return pipeline::Handler(make_status(board));
}

constexpr std::string_view kReads = "GET, HEAD";

constexpr auto kEntries = std::to_array<Entry>({
    {"backend", kReads, plain<backend>},
    {"block", kReads, plain<block>},
    {"cpu", kReads, plain<cpu>},
    {"echo", "POST", coroutine<echo>},
    {"json", kReads, plain<json>},
    {"offload", kReads, coroutine<offload>},
    {"plaintext", kReads, plain<plaintext>},
    {"recurse", kReads, plain<recurse>},
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

}  // namespace

std::span<const std::string_view> known_names() { return kNames; }

std::expected<std::vector<pipeline::Route>, std::string> make_routes(const config::Config& config,
                                                                     const pipeline::Scoreboard& board) {
    std::vector<pipeline::Route> routes;
    for (const config::Route& route : config.routes) {
        const auto* entry = std::ranges::find(kEntries, route.handler, &Entry::name);
        if (entry == kEntries.end()) return std::unexpected("no handler is named " + route.handler);
        MadeHandler handler = entry->make(route, board);
        if (!handler) return std::unexpected("route " + route.path + ": " + handler.error());
        routes.push_back({.path = route.path,
                          .handler = std::move(*handler),
                          .allow = std::string(entry->allow),
                          .clients_denied = route.deny,
                          .clients_allowed = route.allow});
    }
    return routes;
}

}  // namespace spindle::handlers
