// SPDX-License-Identifier: Apache-2.0
#include "server/http/bytes.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace spindle::http;

namespace {

template <class MaskOf, class Predicate>
void agrees_with_bytewise(MaskOf mask_of, Predicate has) {
    for (std::size_t size = 8; size <= 26; ++size) {
        for (unsigned byte = 0; byte < 256; ++byte) {
            for (std::size_t at = 0; at < size; ++at) {
                for (const char around : {'a', '\x20', '\x7e', '\xff'}) {
                    std::string text(size, around);
                    text[at] = static_cast<char>(byte);
                    bool expected = true;
                    for (const char c : text) expected = expected && !has(static_cast<unsigned char>(c));
                    REQUIRE(clean(text, mask_of) == expected);
                }
            }
        }
    }
}

}  // namespace

TEST_CASE("Eight bytes at once find what one by one would, at every place and length") {
    agrees_with_bytewise([](EightBytes bytes) { return bytes.below(0x20); }, [](unsigned char c) { return c < 0x20; });
    agrees_with_bytewise([](EightBytes bytes) { return bytes.below(0x21); }, [](unsigned char c) { return c < 0x21; });
    agrees_with_bytewise([](EightBytes bytes) { return bytes.equal('%'); }, [](unsigned char c) { return c == '%'; });
    agrees_with_bytewise([](EightBytes bytes) { return bytes.equal('\x7f'); },
                         [](unsigned char c) { return c == 0x7f; });
    agrees_with_bytewise([](EightBytes bytes) { return bytes.above_ascii(); },
                         [](unsigned char c) { return c > 0x7f; });
}
