// SPDX-License-Identifier: Apache-2.0
#include "server/http/date.hpp"

#include <doctest/doctest.h>

using namespace spindle::http;

TEST_CASE("The three date formats of RFC 9110 section 5.6.7 are one time") {
    CHECK(parse_date("Sun, 06 Nov 1994 08:49:37 GMT") == 784111777);
    CHECK(parse_date("Sunday, 06-Nov-94 08:49:37 GMT") == 784111777);
    CHECK(parse_date("Sun Nov  6 08:49:37 1994") == 784111777);
}

TEST_CASE("What is written is read back") {
    for (const std::time_t time :
         {std::time_t{0}, std::time_t{951782400}, std::time_t{1709164800}, std::time_t{4102444799}}) {
        std::array<char, kDateBytes> text{};
        format_date(time, text);
        CHECK(parse_date({text.data(), text.size()}) == time);
    }
}

TEST_CASE("A leap second is the first one of the next day, as POSIX counts") {
    CHECK(parse_date("Sat, 31 Dec 2016 23:59:60 GMT") == 1483228800);
    CHECK(parse_date("Sun, 01 Jan 2017 00:00:00 GMT") == 1483228800);
    CHECK_FALSE(parse_date("Sat, 31 Feb 2016 23:59:60 GMT").has_value());
}

TEST_CASE("What is no date is nothing") {
    for (const char* text : {"", "yesterday", "Sun, 06 Nov 1994 08:49:37", "Sun, 32 Nov 1994 08:49:37 GMT",
                             "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT "}) {
        CAPTURE(text);
        CHECK_FALSE(parse_date(text).has_value());
    }
}
