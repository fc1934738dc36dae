// SPDX-License-Identifier: Apache-2.0
//
// Whatever stands in a configuration file: it loads, and then its dump loads to the same dump; or the report is whole
// lines. The loader looks at files that are named, but opens none.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/dump.hpp"
#include "config/loader.hpp"

using namespace spindle::config;

namespace {

constexpr std::array<std::string_view, 5> kHandlers{"plaintext", "redirect", "respond", "rewrite", "static"};

[[noreturn]] void fail(const char* what, const std::string& text) {
    std::fprintf(stderr, "%s:\n%s\n", what, text.c_str());
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto config = load_text("/tmp/fuzzed.toml", text, {}, kHandlers);
    if (!config) {
        if (config.error().empty() || config.error().back() != '\n') fail("a report that is none", config.error());
        return 0;
    }
    const std::string dumped = dump(*config);
    const auto again = load_text("/tmp/fuzzed.toml", dumped, {}, kHandlers);
    if (!again) fail("a dump that does not load", dumped + again.error());
    if (dump(*again) != dumped) fail("a dump that changes", dumped);
    return 0;
}
