// SPDX-License-Identifier: Apache-2.0
#include "server/http/percent.hpp"

#include <algorithm>
#include <cctype>

namespace spindle::http {

void append_encoded_path(std::string& out, std::string_view path) {
    constexpr std::string_view kPlain = "-._~/!$&'()*+,;=:@";
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80 && (std::isalnum(byte) != 0 || kPlain.find(c) != kPlain.npos)) {
            out += c;
        } else {
            out += '%';
            out += kDigits[byte >> 4];
            out += kDigits[byte & 15];
        }
    }
}

void keep_one_slash(std::string& location) {
    if (location.starts_with('/')) location.erase(1, std::min(location.find_first_not_of('/'), location.size()) - 1);
}

}  // namespace spindle::http
