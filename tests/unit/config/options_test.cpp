// SPDX-License-Identifier: Apache-2.0
#include "config/options.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "config/dump.hpp"

using namespace spindle::config;

TEST_CASE("Every option has a name of its own, a rule and a sentence") {
    std::set<std::string> keys;
    for (const auto& option : config_options()) {
        CAPTURE(option.key());
        CHECK(keys.insert(option.key()).second);
        // What is done to responses is nothing, unless said.
        CHECK(option.rule.default_value.empty() == (option.section == "responses"));
        CHECK_FALSE(option.rule.allowed.empty());
        CHECK(option.meaning.ends_with("."));
    }
}

TEST_CASE("Defaults keep their own rules") {
    CHECK(default_config().limits.header_bytes == 16384);
    CHECK(default_listen().address == kDefaultAddress);
    CHECK(default_route().index == std::vector<std::string>{"index.html"});
}

TEST_CASE("docs/options.md is what the program prints; write it again by `spindle options > docs/options.md`") {
    std::ostringstream page;
    page << std::ifstream(SPINDLE_SOURCE_DIR "/docs/options.md").rdbuf();
    CHECK(page.str() == options_reference());
}
