// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/client_address.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace spindle;
using namespace spindle::pipeline;

namespace {

using Fields = std::vector<http::Field>;

config::Proxies trusting(config::ForwardedField field) {
    config::Proxies proxies{.trusted = {}, .field = field};
    for (const char* network : {"10.0.0.0/8", "2001:db8:1::/48", "unix:"})
        proxies.trusted.push_back(*config::parse_network(network));
    return proxies;
}

/// "https 203.0.113.7", asked by `peer`; without a scheme where nobody said it.
std::string client(const Fields& fields, config::ForwardedField field, const char* peer) {
    http::Request request;
    request.fields = fields;
    const Client found = client_of(request, *PeerAddress::parse(peer), trusting(field));
    PeerText text;
    const std::string scheme(found.scheme);
    return (scheme.empty() ? "" : scheme + " ") + std::string(found.address.text(text));
}

std::string x_forwarded(const Fields& fields, const char* peer = "10.0.0.1") {
    return client(fields, config::ForwardedField::x_forwarded_for, peer);
}
std::string x_forwarded_for(std::string_view value) { return x_forwarded({{"X-Forwarded-For", value}}); }

std::string forwarded(std::string_view value, const char* peer = "10.0.0.1") {
    return client({{"Forwarded", value}}, config::ForwardedField::forwarded, peer);
}

}  // namespace

TEST_CASE("Whoever is no trusted proxy is the client, whatever it says") {
    CHECK(x_forwarded({{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-Proto", "https"}}, "11.0.0.1") == "11.0.0.1");
    CHECK(forwarded("for=192.0.2.1;proto=https", "11.0.0.1") == "11.0.0.1");
}

TEST_CASE("A trusted proxy that says nothing is the client itself") {
    CHECK(x_forwarded({}) == "10.0.0.1");
    CHECK(x_forwarded_for("") == "10.0.0.1");
    CHECK(x_forwarded_for(" , ,") == "10.0.0.1");
    CHECK(forwarded("") == "10.0.0.1");
}

TEST_CASE("The client is the first untrusted address from the right") {
    CHECK(x_forwarded_for("203.0.113.7") == "203.0.113.7");
    CHECK(x_forwarded_for("192.0.2.66, 203.0.113.7") == "203.0.113.7");
    CHECK(x_forwarded_for("192.0.2.66, 203.0.113.7, 10.9.9.9,2001:db8:1::5") == "203.0.113.7");
    CHECK(forwarded("for=192.0.2.66, for=203.0.113.7, for=10.9.9.9, for=\"[2001:db8:1::5]\"") == "203.0.113.7");
}

TEST_CASE("Where all are trusted, the client is the leftmost") {
    CHECK(x_forwarded_for("10.3.0.0, 10.2.0.0") == "10.3.0.0");
    CHECK(forwarded("for=10.3.0.0, for=10.2.0.0") == "10.3.0.0");
}

TEST_CASE("Several fields are one list") {
    CHECK(x_forwarded({{"x-forwarded-for", "192.0.2.66"}, {"A", "b"}, {"X-FORWARDED-FOR", "203.0.113.7, 10.2.0.0"}}) ==
          "203.0.113.7");
}

TEST_CASE("What cannot be read ends the way: what is left of it may be forged") {
    for (const std::string unreadable :
         {"x", "unknown", "192.0.2.256", "192.0.2.1:", "192.0.2.1:http", "[192.0.2.1]", "[2001:db8::1",
          "[2001:db8::1]80", "2001:db8::1::", "192.0.2.1 192.0.2.2", "::1%lo", "\"192.0.2.1\"", "_hidden"}) {
        CAPTURE(unreadable);
        CHECK(x_forwarded_for("192.0.2.66, " + unreadable) == "10.0.0.1");
        CHECK(x_forwarded_for("192.0.2.66, " + unreadable + ", 10.2.0.0, 10.1.0.0") == "10.2.0.0");
        CHECK(x_forwarded_for(unreadable + ", 203.0.113.7, 10.1.0.0") == "203.0.113.7");
    }
    for (const std::string unreadable : {"for=unknown", "for=_hidden", "proto=https", "for=", "for=\"\"", "by=10.0.0.1",
                                         "for=192.0.2.1;for=192.0.2.2", "for=\"192.0.2.\\1\""}) {
        CAPTURE(unreadable);
        const std::string scheme = unreadable == "proto=https" ? "https " : "";
        CHECK(forwarded("for=192.0.2.66, " + unreadable) == scheme + "10.0.0.1");
        CHECK(forwarded("for=192.0.2.66, " + unreadable + ", for=10.2.0.0, for=10.1.0.0") == scheme + "10.2.0.0");
        CHECK(forwarded(unreadable + ", for=203.0.113.7") == "203.0.113.7");
    }
}

TEST_CASE("An address may have a port, and IPv6 brackets") {
    CHECK(x_forwarded_for("203.0.113.7:4711") == "203.0.113.7");
    CHECK(x_forwarded_for("2001:db8::7") == "2001:db8::7");
    CHECK(x_forwarded_for("[2001:db8::7]") == "2001:db8::7");
    CHECK(x_forwarded_for("[2001:db8::7]:4711") == "2001:db8::7");
    CHECK(forwarded("for=203.0.113.7:4711") == "203.0.113.7");
    CHECK(forwarded("for=\"[2001:db8::7]:4711\"") == "2001:db8::7");
}

TEST_CASE("IPv4 within IPv6 counts as IPv4") {
    CHECK(x_forwarded_for("203.0.113.7, ::ffff:10.2.0.0") == "203.0.113.7");
    CHECK(x_forwarded_for("::ffff:203.0.113.7") == "203.0.113.7");
}

TEST_CASE("Forwarded has parameters in any order and case, empty elements, and quotes") {
    CHECK(forwarded("By=10.0.0.1;FOR=203.0.113.7;Proto=HTTPS;host=\"a, b; for=192.0.2.66\"") == "https 203.0.113.7");
    CHECK(forwarded(" ,, for=203.0.113.7 ; proto=https , ,") == "https 203.0.113.7");
    CHECK(forwarded(";for=203.0.113.7;") == "203.0.113.7");
    CHECK(forwarded("for=\"203.0.113.7\";host=\"a\\\"b\"") == "203.0.113.7");
}

TEST_CASE("Forwarded that breaks its grammar is not read beyond the break") {
    for (const char* broken : {"for=192.0.2.66, for=\"", "for=\"192.0.2.66", "for=\"192.0.2.66\\", "for 192.0.2.66",
                               "192.0.2.66", "=192.0.2.66", "for=192.0.2.66 for=192.0.2.66", "for=\"192.0.2.66\"x",
                               "f\"r=192.0.2.66", "for=\", for=192.0.2.66"}) {
        CAPTURE(broken);
        CHECK(forwarded(broken) == "10.0.0.1");
    }
}

TEST_CASE("The scheme is what the nearest proxy says, or what the client's element of Forwarded does") {
    CHECK(x_forwarded({{"X-Forwarded-For", "203.0.113.7"}, {"X-Forwarded-Proto", "https"}}) == "https 203.0.113.7");
    CHECK(x_forwarded({{"X-Forwarded-Proto", "https, HTTPS "}}) == "https 10.0.0.1");
    // Which of both is the client's hop, nobody says.
    CHECK(x_forwarded({{"X-Forwarded-Proto", "https, HTTP "}}) == "10.0.0.1");
    CHECK(x_forwarded({{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Proto", "http"}}) == "10.0.0.1");
    CHECK(x_forwarded({{"X-Forwarded-Proto", "ftp"}}) == "10.0.0.1");
    CHECK(forwarded("for=192.0.2.66;proto=http, for=203.0.113.7;proto=https, for=10.2.0.0;proto=http") ==
          "https 203.0.113.7");
}

TEST_CASE("A proxy that hides who asked may say with what") {
    CHECK(forwarded("proto=https") == "https 10.0.0.1");
    CHECK(forwarded("for=unknown;proto=https, for=10.2.0.0;proto=http") == "https 10.2.0.0");
    CHECK(forwarded("for=unknown;proto=https, for=203.0.113.7;proto=http") == "http 203.0.113.7");
    CHECK(forwarded("for=192.0.2.66;proto=https, for=unknown") == "10.0.0.1");
    CHECK(forwarded("for=unknown;proto=https, for=\"") == "10.0.0.1");
}

TEST_CASE("Only the field that proxies are said to write is read") {
    const Fields both{{"Forwarded", "for=192.0.2.66;proto=https"}, {"X-Forwarded-For", "203.0.113.7"}};
    CHECK(x_forwarded(both) == "203.0.113.7");
    CHECK(client(both, config::ForwardedField::forwarded, "10.0.0.1") == "https 192.0.2.66");
}

TEST_CASE("A PROXY header's source is an address as any other") {
    const auto header = http::parse_proxy_header("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n");
    REQUIRE(header);
    CHECK(PeerAddress::of(*header) == *PeerAddress::parse("192.0.2.1"));
}
