// SPDX-License-Identifier: Apache-2.0
#include "server/process/activation.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

#include <unistd.h>

using spindle::process::Activation;

namespace {

/// What "systemd" gets when the environment says so much, or the error.
std::string activate(const std::string& pid, const char* count) {
    ::setenv("LISTEN_PID", pid.c_str(), 1);
    ::setenv("LISTEN_FDS", count, 1);
    ::setenv("LISTEN_FDNAMES", "web", 1);
    auto activation = Activation::take();
    CHECK(std::getenv("LISTEN_PID") == nullptr);
    CHECK(std::getenv("LISTEN_FDS") == nullptr);
    CHECK(std::getenv("LISTEN_FDNAMES") == nullptr);
    if (!activation) return activation.error();
    const auto sockets = activation->sockets_for("systemd");
    return sockets ? "sockets" : sockets.error();
}

}  // namespace

TEST_CASE("What the environment says of passed sockets is taken out of it, whomever it is meant for") {
    const std::string own = std::to_string(::getpid());
    CHECK(activate(own, "0").find("no sockets were passed") != std::string::npos);
    CHECK(activate("1", "1").find("no sockets were passed") != std::string::npos);
    CHECK(activate("", "1").find("no sockets were passed") != std::string::npos);
    CHECK(activate(own, "two") == "LISTEN_FDS is \"two\", no number of sockets");
    CHECK(activate(own, "-1") == "LISTEN_FDS is \"-1\", no number of sockets");
    CHECK(activate(own, "1000").find("is not open") != std::string::npos);
}
