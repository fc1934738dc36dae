// SPDX-License-Identifier: Apache-2.0
#include "config/units.hpp"

#include <doctest/doctest.h>

using namespace spindle::config;
using namespace std::chrono_literals;

TEST_CASE("A size is a whole number with its unit") {
    CHECK(parse_size("0B") == 0);
    CHECK(parse_size("16KiB") == 16384);
    CHECK(parse_size("3MiB") == 3 << 20);
    CHECK(parse_size("2GiB") == 2ULL << 30);
    for (const char* text :
         {"", "16", "16K", "16KB", "1.5MiB", "-1B", " 1B", "1 B", "99999999999999999999B", "17179869184GiB"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_size(text).has_value());
    }
}

TEST_CASE("A duration is a whole number with its unit") {
    CHECK(parse_duration("100ms") == 100ms);
    CHECK(parse_duration("20us") == 20us);
    CHECK(parse_duration("5ns") == 5ns);
    CHECK(parse_duration("2m") == 2min);
    CHECK(parse_duration("1h") == 1h);
    for (const char* text : {"", "1", "1.5s", "s", "-1s", "1 s", "1d", "9999999999h"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_duration(text).has_value());
    }
}

TEST_CASE("What is written is read back") {
    for (const std::uint64_t bytes : {0ULL, 1ULL, 1023ULL, 1024ULL, 1536ULL, 1ULL << 20, (1ULL << 30) + 1}) {
        CHECK(parse_size(format_size(bytes)) == bytes);
    }
    for (const std::chrono::nanoseconds duration :
         std::initializer_list<std::chrono::nanoseconds>{0ns, 1ns, 1500us, 90s, 2h}) {
        CHECK(parse_duration(format_duration(duration)) == duration);
    }
    CHECK(format_size(16384) == "16KiB");
    CHECK(format_duration(100ms) == "100ms");
}
