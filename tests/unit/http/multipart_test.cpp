// SPDX-License-Identifier: Apache-2.0
#include "server/http/multipart.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace spindle::http;

TEST_CASE("Each range goes behind a head of its own, and the length counts everything") {
    const std::array<ByteRange, 2> ranges{ByteRange{0, 1}, ByteRange{24, 25}};
    const Multipart multipart = multipart_of(ranges, "text/plain", 26, "edge");
    CHECK(multipart.content_type == "multipart/byteranges; boundary=edge");
    const std::string whole = multipart.heads[0] + "ab" + multipart.heads[1] + "yz" + multipart.end;
    CHECK(whole ==
          "--edge\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/26\r\n\r\nab"
          "\r\n--edge\r\nContent-Type: text/plain\r\nContent-Range: bytes 24-25/26\r\n\r\nyz"
          "\r\n--edge--\r\n");
    CHECK(multipart.length == whole.size());
}
