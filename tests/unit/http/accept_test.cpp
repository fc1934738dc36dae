// SPDX-License-Identifier: Apache-2.0
#include "server/http/accept.hpp"

#include <doctest/doctest.h>

using namespace spindle::http;

TEST_CASE("Who says nothing accepts everything") {
    CHECK(weight_of_type("", "text/html") == 1000);
    CHECK(weight_of_type("  ", "text/html") == 1000);
}

TEST_CASE("The range that fits a type best says how much it is wanted") {
    const char* accept = "text/*;q=0.3, text/html;q=0.7, */*;q=0.5";
    CHECK(weight_of_type(accept, "text/html") == 700);
    CHECK(weight_of_type(accept, "text/plain") == 300);
    CHECK(weight_of_type(accept, "image/png") == 500);
    CHECK(weight_of_type("*/*, application/json;q=0", "application/json") == 0);
}

TEST_CASE("What no range fits is not accepted") {
    CHECK(weight_of_type("text/html, image/*", "application/json") == 0);
    CHECK(weight_of_type("texts/*", "text/html") == 0);
    CHECK(weight_of_type("text", "text/html") == 0);
    CHECK(weight_of_type("*", "text/html") == 0);
}

TEST_CASE("Case, blanks and a type's own parameters do not matter") {
    CHECK(weight_of_type("TEXT/HTML ; charset=utf-8 ; Q=0.25", "text/html") == 250);
    CHECK(weight_of_type(" Text/* ;q=1.000", "text/html") == 1000);
}

TEST_CASE("A weight that cannot be read is none") {
    for (const char* weight : {"", "2", "1.1", "0.1234", "-1", ".5", "1,0"}) CHECK(read_weight(weight) == 0);
    CHECK(read_weight("1") == 1000);
    CHECK(read_weight("0.") == 0);
    CHECK(read_weight("0.001") == 1);
}
