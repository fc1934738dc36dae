// SPDX-License-Identifier: Apache-2.0
//
// Whatever a request's target, its host, a route's path and a rewrite are (a line each): the path is one that begins
// with / and goes up nowhere, parameters lie in the path, rewrites end, and what is put into Location is one line.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/route_path.hpp"
#include "config/text_template.hpp"
#include "server/http/target.hpp"
#include "server/pipeline/fill_in.hpp"
#include "server/pipeline/site.hpp"

using namespace spindle;
using namespace spindle::pipeline;

namespace {

void expect(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

std::string_view take_line(std::string_view& text) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    return line;
}

void see_path(std::string_view path) {
    expect(path.starts_with('/'), "a path that does not begin with /");
    expect(path.find("/../") == path.npos && !path.ends_with("/.."), "a path that goes up");
    expect(path.find('\0') == path.npos, "a NUL in a path");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    http::Request request;
    request.target = take_line(text);
    request.host = take_line(text);
    const std::string_view path = take_line(text);
    const auto target = config::parse_template(take_line(text));
    if (!http::valid_host(request.host) || !http::interpret_target(request) || request.path == "*") return 0;
    see_path(request.path);
    if (!config::parse_route_path(path) || !target || target->empty()) return 0;

    Route route{.path = std::string(path), .handler = PlainHandler([](Request&, Context&) { return Response{}; })};
    std::vector<Site> sites;
    sites.push_back({.hosts = {}, .router = Router({route}), .rules = nullptr});
    sites.push_back({.hosts = {"example.org", "*.example.org"}, .router = Router({route}), .rules = nullptr});
    const Sites found(std::move(sites));
    Destination to;
    found.lead(request, to);
    expect(to.site != nullptr, "no site, though one is for all");
    if (to.route == nullptr) return 0;
    const std::size_t count = to.route->pattern.parameter_names().size();
    const Parameters parameters = parameters_of(*to.route, request.path);
    for (std::size_t i = 0; i < count; ++i) {
        const std::string_view one = parameters[i];
        const bool within =
            one.data() >= request.path.data() && one.data() + one.size() <= request.path.data() + request.path.size();
        expect(!one.empty() && within, "a parameter outside of the path");
    }
    const std::string location = fill_in(*target, *to.route, request, Encoding::percent);
    const bool one_line = location.find_first_of(std::string_view("\r\n\0", 3)) == location.npos;
    bool template_has = false;
    for (const auto& piece : *target)
        template_has |= !piece.is_variable && piece.text.find_first_of(std::string_view("\r\0", 2)) != piece.text.npos;
    expect(one_line || template_has, "a Location of several lines");

    route.rewrite_to = *target;
    std::vector<Site> rewriting;
    rewriting.push_back({.hosts = {}, .router = Router({route}), .rules = nullptr});
    Sites(std::move(rewriting)).lead(request, to);
    return 0;
}
