// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/lru.hpp"

#include <doctest/doctest.h>

#include <new>
#include <string>
#include <string_view>

using spindle::handlers::Lru;

namespace {

bool memory_is_short = false;
int hashes_until_short = 0;

struct Hash {
    std::size_t operator()(std::string_view key) const {
        if (memory_is_short && hashes_until_short-- == 0) throw std::bad_alloc();
        return std::hash<std::string_view>{}(key);
    }
};
using Numbers = Lru<std::string, int, Hash, std::string_view>;

int number_of(Numbers& numbers, std::string_view key) {
    const int* const found = numbers.find(key);
    return found == nullptr ? 0 : *found;
}

}  // namespace

TEST_CASE("lru: what was not used for longest goes first") {
    Numbers numbers;
    numbers.put("a", 1, 40, 100);
    numbers.put("b", 2, 40, 100);
    CHECK(number_of(numbers, "a") == 1);
    numbers.put("c", 3, 40, 100);
    CHECK(number_of(numbers, "b") == 0);
    CHECK(number_of(numbers, "a") == 1);
    CHECK(number_of(numbers, "c") == 3);
    CHECK(numbers.cost() == 80);
    numbers.put("d", 4, 101, 100);
    CHECK(numbers.cost() == 0);
}

TEST_CASE("lru: a value takes the place of its key's") {
    Numbers numbers;
    numbers.put("a", 1, 40, 100);
    numbers.put("a", 2, 30, 100);
    CHECK(number_of(numbers, "a") == 2);
    CHECK(numbers.cost() == 30);
}

TEST_CASE("lru: where memory ran out, nothing is left and all is counted") {
    Numbers numbers;
    numbers.put("a", 1, 40, 100);
    memory_is_short = true;
    hashes_until_short = 1;  // the first one looks for what is there
    CHECK_THROWS_AS(numbers.put("a", 2, 30, 100), std::bad_alloc);
    memory_is_short = false;
    CHECK(number_of(numbers, "a") == 0);
    CHECK(numbers.cost() == 0);
    numbers.put("b", 3, 101, 100);
    CHECK(numbers.cost() == 0);
}
