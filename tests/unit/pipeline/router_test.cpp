// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/router.hpp"

#include <doctest/doctest.h>

using namespace spindle::pipeline;
using spindle::http::Method;

namespace {

Route route(std::string path, std::string allow = "GET, HEAD") {
    return {.path = std::move(path),
            .handler = PlainHandler([](Request&, Context&) { return Response{}; }),
            .allow = std::move(allow)};
}

std::string found(const Router& router, std::string_view path) {
    const Route* route = router.find(path);
    return route == nullptr ? "none" : route->path;
}

}  // namespace

TEST_CASE("The longest match wins; only a path that ends in / takes its subtree") {
    const Router router({route("/files/"), route("/"), route("/files/exact"), route("/files/deep/")});
    CHECK(found(router, "/") == "/");
    CHECK(found(router, "/other") == "/");
    CHECK(found(router, "/files/a") == "/files/");
    CHECK(found(router, "/files/exact") == "/files/exact");
    CHECK(found(router, "/files/exact/more") == "/files/");
    CHECK(found(router, "/files/deep/a") == "/files/deep/");
    CHECK(found(Router({route("/a")}), "/b") == "none");
    CHECK(found(Router({route("/a")}), "/ab") == "none");
}

TEST_CASE("A route admits whom it does not deny, and if it allows any, only these") {
    const auto admits = [](const std::vector<std::string>& denied, const std::vector<std::string>& allowed,
                           const PeerAddress& client) {
        Route one = route("/");
        for (const std::string& network : denied)
            one.clients_denied.push_back(*spindle::config::parse_network(network));
        for (const std::string& network : allowed)
            one.clients_allowed.push_back(*spindle::config::parse_network(network));
        return one.admits(client);
    };
    const PeerAddress ten = *PeerAddress::parse("10.0.0.1");
    CHECK(admits({}, {}, ten));
    CHECK_FALSE(admits({"10.0.0.0/8"}, {}, ten));
    CHECK(admits({"11.0.0.0/8"}, {}, ten));
    CHECK(admits({}, {"11.0.0.0/8", "10.0.0.0/8"}, ten));
    CHECK_FALSE(admits({}, {"11.0.0.0/8"}, ten));
    CHECK_FALSE(admits({"10.0.0.1"}, {"10.0.0.0/8"}, ten));
    const PeerAddress unknown;
    CHECK(admits({}, {}, unknown));
    CHECK_FALSE(admits({"11.0.0.0/8"}, {}, unknown));
    CHECK_FALSE(admits({}, {"0.0.0.0/0"}, unknown));
}

TEST_CASE("A route answers the methods that it allows") {
    const Router router({route("/echo", "POST"), route("/read")});
    CHECK(Router::allows(*router.find("/echo"), Method::post));
    CHECK_FALSE(Router::allows(*router.find("/echo"), Method::get));
    CHECK(Router::allows(*router.find("/read"), Method::head));
    CHECK_FALSE(Router::allows(*router.find("/read"), Method::other));
}
