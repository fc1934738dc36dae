// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/site.hpp"

#include <doctest/doctest.h>

#include "server/pipeline/fill_in.hpp"

using namespace spindle::pipeline;
namespace config = spindle::config;

namespace {

Route route(std::string path, std::string rewrite_to = "") {
    Route made{.path = std::move(path), .handler = PlainHandler([](Request&, Context&) { return Response{}; })};
    if (!rewrite_to.empty()) made.rewrite_to = config::parse_template(rewrite_to).value();
    return made;
}

Sites one_site(std::vector<Route> routes) {
    std::vector<Site> sites;
    sites.push_back({.hosts = {}, .router = Router(std::move(routes)), .rules = nullptr});
    return Sites(std::move(sites));
}

/// "route: parameters", where the request then asks.
std::string led(const Sites& sites, std::string_view path, std::string_view query = "") {
    Request request;
    request.path = path;
    request.query = query;
    Destination to;
    sites.lead(request, to);
    if (to.route == nullptr) return "none";
    std::string text = to.route->path + ":";
    for (std::size_t i = 0; i < to.route->pattern.parameter_names().size(); ++i)
        text.append(" ").append(parameters_of(*to.route, request.path)[i]);
    return text.append(" at ").append(request.path).append("?").append(request.query);
}

}  // namespace

TEST_CASE("Parameters are the segments that they stand for") {
    const Sites sites = one_site({route("/u/{id}/p/{post}"), route("/f/{rest...}")});
    CHECK(led(sites, "/u/7/p/8") == "/u/{id}/p/{post}: 7 8 at /u/7/p/8?");
    CHECK(led(sites, "/u//p/8") == "none");
    CHECK(led(sites, "/u/7/p/") == "none");
    CHECK(led(sites, "/u/7/p/8/") == "none");
    CHECK(led(sites, "/f/a/b/") == "/f/{rest...}: a/b/ at /f/a/b/?");
    CHECK(led(sites, "/f/") == "none");
    CHECK(led(sites, "/f") == "none");
}

TEST_CASE("A rewrite goes on with another path, and with its own query if it has one") {
    const Sites sites = one_site({route("/a/{x}", "/b/{x}"), route("/b/{y}"), route("/c/{x}", "/b/1?v={x}")});
    CHECK(led(sites, "/a/7", "q=1") == "/b/{y}: 7 at /b/7?q=1");
    CHECK(led(sites, "/c/7", "q=1") == "/b/{y}: 1 at /b/1?v=7");
}

TEST_CASE("A query goes along, however often the path is rewritten") {
    const Sites sites =
        one_site({route("/a", "/b"), route("/b", "/c"), route("/c", "/d?from=c"), route("/d", "/e"), route("/e")});
    CHECK(led(sites, "/b", "q=a long query that no small buffer holds") == "/e: at /e?from=c");
    const Sites shorter = one_site({route("/a", "/b"), route("/b", "/c"), route("/c")});
    CHECK(led(shorter, "/a", "q=a long query that no small buffer holds") ==
          "/c: at /c?q=a long query that no small buffer holds");
}

TEST_CASE("Rewrites in a circle end at a route with a rewrite") {
    CHECK(led(one_site({route("/a", "/b"), route("/b", "/a")}), "/a").starts_with("/a:"));
    // Each time around it is longer: bounded as well.
    CHECK(led(one_site({route("/{x...}", "/{x}/{x}")}), "/a").size() < 2000);
}

TEST_CASE("Places are filled in with what the request has") {
    Request request;
    request.path = "/u/a b/%";
    request.query = "q=1";
    request.host = "example.org:80";
    const Sites sites = one_site({route("/u/{id}/{more}")});
    Destination to;
    sites.lead(request, to);
    REQUIRE(to.route != nullptr);
    const auto filled = [&](std::string_view text, Encoding encoding) {
        return fill_in(config::parse_template(text).value(), *to.route, request, encoding);
    };
    CHECK(filled("{id}-{more}", Encoding::none) == "a b-%");
    CHECK(filled("{id}-{more}", Encoding::percent) == "a%20b-%25");
    CHECK(filled("https://{host}{uri}", Encoding::percent) == "https://example.org:80/u/a%20b/%25?q=1");
    CHECK(filled("{path}?{query}", Encoding::none) == "/u/a b/%?q=1");
}
