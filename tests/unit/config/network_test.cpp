// SPDX-License-Identifier: Apache-2.0
#include "config/network.hpp"

#include <doctest/doctest.h>

#include <vector>

#include <arpa/inet.h>

using namespace spindle::config;

namespace {

/// Whether `network` has `address`; a unix socket is "unix".
bool has(std::string_view network, const std::string& address) {
    const auto parsed = parse_network(network);
    REQUIRE(parsed);
    AddressBytes bytes{};
    if (address == "unix") return parsed->contains(AF_UNIX, bytes);
    if (::inet_pton(AF_INET, address.c_str(), &bytes[12]) == 1) return parsed->contains(AF_INET, bytes);
    REQUIRE(::inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1);
    return parsed->contains(AF_INET6, bytes);
}

std::string read_back(std::string_view text) {
    const auto network = parse_network(text);
    return network ? to_string(*network) : "error: " + network.error();
}

}  // namespace

TEST_CASE("A network has the addresses that share its prefix, and no others") {
    CHECK(has("10.0.0.0/8", "10.0.0.0"));
    CHECK(has("10.0.0.0/8", "10.255.255.255"));
    CHECK_FALSE(has("10.0.0.0/8", "11.0.0.0"));
    CHECK_FALSE(has("10.0.0.0/8", "9.255.255.255"));
    CHECK(has("192.168.16.0/21", "192.168.23.255"));
    CHECK_FALSE(has("192.168.16.0/21", "192.168.24.0"));
    CHECK_FALSE(has("192.168.16.0/21", "192.168.15.255"));
    CHECK(has("2001:db8:8000::/33", "2001:db8:ffff::1"));
    CHECK_FALSE(has("2001:db8:8000::/33", "2001:db8:7fff::1"));
}

TEST_CASE("An address alone is a network of one") {
    CHECK(has("192.0.2.1", "192.0.2.1"));
    CHECK_FALSE(has("192.0.2.1", "192.0.2.0"));
    CHECK(has("::1", "::1"));
    CHECK_FALSE(has("::1", "::"));
}

TEST_CASE("A prefix of 0 has every address of its family, and none of the other") {
    CHECK(has("0.0.0.0/0", "255.255.255.255"));
    CHECK_FALSE(has("0.0.0.0/0", "::"));
    CHECK_FALSE(has("0.0.0.0/0", "unix"));
    CHECK(has("::/0", "ffff::"));
    CHECK_FALSE(has("::/0", "0.0.0.0"));
    CHECK_FALSE(has("::/0", "unix"));
}

TEST_CASE("IPv4 and IPv6 addresses whose bytes look alike are different") {
    CHECK_FALSE(has("0.0.0.1", "::1"));
    CHECK_FALSE(has("::1", "0.0.0.1"));
}

TEST_CASE("unix: has those of unix sockets only") {
    CHECK(has("unix:", "unix"));
    CHECK_FALSE(has("unix:", "127.0.0.1"));
    CHECK_FALSE(has("127.0.0.0/8", "unix"));
}

TEST_CASE("IPv4 within IPv6 counts as IPv4") {
    CHECK(has("::ffff:10.0.0.0/104", "10.1.2.3"));
    CHECK(read_back("::ffff:10.0.0.0/104") == "10.0.0.0/8");
    CHECK(read_back("::ffff:10.0.0.1") == "10.0.0.1");
    CHECK(read_back("::ffff:0:0/95").starts_with("error"));
}

TEST_CASE("A network is read back as it was written, in its short form") {
    for (const std::string_view text :
         {"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1", "2001:db8::/32", "::1", "::/0", "unix:"})
        CHECK(read_back(text) == text);
    CHECK(read_back("192.0.2.1/32") == "192.0.2.1");
    CHECK(read_back("2001:DB8:0:0::/64") == "2001:db8::/64");
}

TEST_CASE("What is no network is refused with its reason") {
    CHECK(read_back("10.1.2.3/8") ==
          "error: \"10.1.2.3/8\" has bits behind its prefix; 10.0.0.0/8 is the network, 10.1.2.3 the address");
    for (const std::string_view prefix : {"/", "/33", "/-1", "/+8", "/ 8", "/08", "/8x", "/8/8", "/999"})
        CHECK(read_back("0.0.0.0" + std::string(prefix)).starts_with("error: the prefix of"));
    CHECK(read_back("::/129").find("from 0 to 128") != std::string::npos);
    for (const std::string_view host : {"", "10", "10.0.0", "10.0.0.256", "10.0.0.0.0", "010.0.0.1", "[::1]", "::1%lo",
                                        ":::", "localhost", "unix", "unix:/run/x", " 10.0.0.1", "10.0.0.1 "})
        CHECK(read_back(host).ends_with("is no IPv4 or IPv6 address"));
    CHECK(read_back(std::string_view("10.0.0.1\0", 9)).starts_with("error"));
}

TEST_CASE("A list has what any of its networks has; an empty one nothing") {
    const std::vector<Network> networks{*parse_network("10.0.0.0/8"), *parse_network("unix:")};
    AddressBytes ten{};
    ten[12] = 10;
    CHECK(contains(networks, AF_INET, ten));
    CHECK(contains(networks, AF_UNIX, {}));
    CHECK_FALSE(contains(networks, AF_INET, {}));
    CHECK_FALSE(contains({}, AF_INET, ten));
}
