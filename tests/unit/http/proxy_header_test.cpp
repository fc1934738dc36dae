// SPDX-License-Identifier: Apache-2.0
#include "server/http/proxy_header.hpp"

#include <doctest/doctest.h>

#include <string>

#include <arpa/inet.h>

using namespace spindle::http;
using Source = ProxyHeader::Source;

namespace {

/// The source's address, "connection", "unix", "incomplete" or "malformed"; and how many bytes are left behind it.
std::string read(std::string_view bytes) {
    const auto header = parse_proxy_header(bytes);
    if (!header) return header.error() == ProxyHeaderFault::incomplete ? "incomplete" : "malformed";
    const std::string behind = bytes.size() == header->bytes ? "" : " +" + std::to_string(bytes.size() - header->bytes);
    char text[INET6_ADDRSTRLEN];
    switch (header->source) {
        case Source::connection: return "connection" + behind;
        case Source::unix_socket: return "unix" + behind;
        case Source::ipv4: return ::inet_ntop(AF_INET, &header->address[12], text, sizeof text) + behind;
        case Source::ipv6: return ::inet_ntop(AF_INET6, header->address.data(), text, sizeof text) + behind;
    }
    return "";
}

std::string line(std::string_view words) { return "PROXY " + std::string(words) + "\r\n"; }

/// Version 2 with this version and command, family and transport, and what its length counts.
std::string binary(unsigned char command, unsigned char family, std::string_view counted) {
    std::string bytes("\r\n\r\n\0\r\nQUIT\n", 12);
    bytes += {static_cast<char>(command), static_cast<char>(family), static_cast<char>(counted.size() >> 8),
              static_cast<char>(counted.size())};
    return bytes.append(counted);
}

const std::string kIpv4("\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb", 12);
const std::string kIpv6 = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x01" + std::string(20, '\0');
const std::string kUnix(216, '/');
const std::string kTlv("\x02\x00\x07spindle", 10);  // PP2_TYPE_AUTHORITY

}  // namespace

TEST_CASE("Version 1 says the source's address, and what is behind its line is the connection's") {
    CHECK(read(line("TCP4 192.0.2.1 198.51.100.1 56324 443")) == "192.0.2.1");
    CHECK(read(line("TCP6 2001:db8::1 2001:db8::2 56324 443")) == "2001:db8::1");
    CHECK(read(line("TCP4 192.0.2.1 198.51.100.1 0 65535") + "GET /") == "192.0.2.1 +5");
}

TEST_CASE("Version 1 may not know: then the line is skipped whatever it says") {
    CHECK(read(line("UNKNOWN")) == "connection");
    CHECK(read(line("UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535") + "x") == "connection +1");
    CHECK(read(line("UNKNOWN \r \n \x01")) == "connection");
}

TEST_CASE("The longest line of version 1 has 107 bytes") {
    const std::string longest(107 - 16, 'x');
    CHECK(read(line("UNKNOWN " + longest)).starts_with("connection"));
    CHECK(read(line("UNKNOWN " + longest + "x")) == "malformed");
    CHECK(read("PROXY " + std::string(100, 'x')) == "incomplete");
    CHECK(read("PROXY " + std::string(101, 'x')) == "malformed");
}

TEST_CASE("Version 1 has one way to write a line") {
    for (const char* words : {"",
                              "TCP4",
                              "TCP4 ",
                              "TCP5 192.0.2.1 192.0.2.2 1 2",
                              "tcp4 192.0.2.1 192.0.2.2 1 2",
                              "TCP4 192.0.2.1 192.0.2.2 1",
                              "TCP4 192.0.2.1 192.0.2.2 1 2 ",
                              "TCP4 192.0.2.1 192.0.2.2 1 2 3",
                              "TCP4  192.0.2.1 192.0.2.2 1 2",
                              "TCP4 192.0.2.1 192.0.2.2  1 2",
                              "TCP4\t192.0.2.1 192.0.2.2 1 2",
                              "TCP4 192.0.2.01 192.0.2.2 1 2",
                              "TCP4 192.0.2.256 192.0.2.2 1 2",
                              "TCP4 192.0.2 192.0.2.2 1 2",
                              "TCP4 192.0.2.1 x 1 2",
                              "TCP4 2001:db8::1 2001:db8::2 1 2",
                              "TCP6 192.0.2.1 192.0.2.2 1 2",
                              "TCP6 [2001:db8::1] 2001:db8::2 1 2",
                              "TCP4 192.0.2.1 192.0.2.2 65536 2",
                              "TCP4 192.0.2.1 192.0.2.2 1 65536",
                              "TCP4 192.0.2.1 192.0.2.2 01 2",
                              "TCP4 192.0.2.1 192.0.2.2 -1 2",
                              "TCP4 192.0.2.1 192.0.2.2 1 2\n",
                              "TCP4 192.0.2.1 192.0.2.2 1 2\r",
                              "UNKNOWNX"}) {
        CAPTURE(words);
        CHECK(read(line(words)) == "malformed");
    }
    CHECK(read("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\nGET / HTTP/1.1\r\n") == "malformed");
    CHECK(read(" PROXY UNKNOWN\r\n") == "malformed");
    CHECK(read("proxy UNKNOWN\r\n") == "malformed");
    CHECK(read("PROXY\r\n") == "malformed");
}

TEST_CASE("Version 2 says the source's address") {
    CHECK(read(binary(0x21, 0x11, kIpv4)) == "192.0.2.1");
    CHECK(read(binary(0x21, 0x21, kIpv6)) == "2001:db8::1");
    CHECK(read(binary(0x21, 0x31, kUnix)) == "unix");
    CHECK(read(binary(0x21, 0x11, kIpv4) + "GET /") == "192.0.2.1 +5");
}

TEST_CASE("Version 2 may not know: AF_UNSPEC, or what is no stream") {
    CHECK(read(binary(0x21, 0x00, "")) == "connection");
    CHECK(read(binary(0x21, 0x00, "anything") + "x") == "connection +1");
    CHECK(read(binary(0x21, 0x12, kIpv4)) == "connection");
    CHECK(read(binary(0x21, 0x10, kIpv4)) == "connection");
}

TEST_CASE("LOCAL is the proxy's own connection: what the header says of addresses is skipped") {
    CHECK(read(binary(0x20, 0x11, kIpv4)) == "connection");
    CHECK(read(binary(0x20, 0x00, "")) == "connection");
    CHECK(read(binary(0x20, 0xff, "xyz") + "x") == "connection +1");
}

TEST_CASE("TLVs behind the addresses are skipped, up to the longest header") {
    CHECK(read(binary(0x21, 0x11, kIpv4 + kTlv + kTlv) + "GET /") == "192.0.2.1 +5");
    const std::string rest(kProxyHeaderBytesMax - 16 - kIpv4.size(), 't');
    CHECK(read(binary(0x21, 0x11, kIpv4 + rest)) == "192.0.2.1");
    CHECK(read(binary(0x21, 0x11, kIpv4 + rest + "t")) == "malformed");
    CHECK(read(binary(0x20, 0x00, std::string(65535, 't')).substr(0, 16)) == "malformed");  // known from its length
}

TEST_CASE("Version 2 with another version, command, family or transport, or too short for its addresses, is none") {
    CHECK(read(binary(0x11, 0x11, kIpv4)) == "malformed");
    CHECK(read(binary(0x31, 0x11, kIpv4)) == "malformed");
    CHECK(read(binary(0x22, 0x11, kIpv4)) == "malformed");
    CHECK(read(binary(0x21, 0x41, kUnix)) == "malformed");
    CHECK(read(binary(0x21, 0x13, kIpv4)) == "malformed");
    CHECK(read(binary(0x21, 0x11, kIpv4.substr(1))) == "malformed");
    CHECK(read(binary(0x21, 0x21, kIpv6.substr(1))) == "malformed");
    CHECK(read(binary(0x21, 0x31, kUnix.substr(1))) == "malformed");
}

TEST_CASE("What is no header is known as such from its first wrong byte on") {
    CHECK(read("") == "incomplete");
    CHECK(read("G") == "malformed");
    CHECK(read("PRI * HTTP/2.0\r\n") == "malformed");
    CHECK(read("\r\nGET / HTTP/1.1\r\n\r\n") == "malformed");
    CHECK(read(std::string_view("\r\n\r\n\0\r\nQUIT\r", 12)) == "malformed");
}

TEST_CASE("A header is incomplete up to its last byte, and the same with whatever is behind it") {
    for (const std::string& header :
         {line("TCP4 192.0.2.1 198.51.100.1 56324 443"), line("UNKNOWN"), binary(0x21, 0x21, kIpv6 + kTlv),
          binary(0x21, 0x31, kUnix), binary(0x20, 0, "")}) {
        for (std::size_t count = 0; count < header.size(); ++count)
            CHECK(read(std::string_view(header).substr(0, count)) == "incomplete");
        CHECK(parse_proxy_header(header)->bytes == header.size());
        CHECK(parse_proxy_header(header) == parse_proxy_header(header + header));
    }
}
