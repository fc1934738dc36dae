// SPDX-License-Identifier: Apache-2.0
//
// Copies clean runs at once, because nearly all bytes of nearly all texts are clean.
#include "server/http/escape.hpp"

#include <array>

namespace spindle::http {

namespace {

constexpr char kHex[] = "0123456789abcdef";

constexpr std::array<bool, 256> kClean = [] {
    std::array<bool, 256> clean{};
    for (unsigned byte = 0x20; byte < 0x7f; ++byte) clean[byte] = byte != '"' && byte != '\\';
    return clean;
}();

/// Length of a well-formed UTF-8 sequence of two to four bytes at the start of `text` (RFC 3629), 0 if
/// there is none. C1 controls (U+0080 to U+009F) count as malformed: terminals obey them.
std::size_t utf8_sequence(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned lead = byte(0);
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
    for (std::size_t at = 1; at < length; ++at) {
        if ((byte(at) & 0xc0) != 0x80) return 0;
    }
    const unsigned second = byte(1);
    const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
    const bool outside = (lead == 0xed && second > 0x9f) || (lead == 0xf4 && second > 0x8f);
    const bool control = lead == 0xc2 && second < 0xa0;
    return overlong || outside || control ? 0 : length;
}

}  // namespace

void append_json_text(std::string& out, std::string_view text) {
    std::size_t run = 0;
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = static_cast<unsigned char>(text[at]);
        if (kClean[byte]) {
            ++at;
            continue;
        }
        if (byte >= 0x80) {
            if (const std::size_t length = utf8_sequence(text.substr(at)); length != 0) {
                at += length;
                continue;
            }
        }
        out.append(text, run, at - run);
        if (byte == '"' || byte == '\\') {
            const char escape[] = {'\\', static_cast<char>(byte)};
            out.append(escape, sizeof escape);
        } else {
            const char escape[] = {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
            out.append(escape, sizeof escape);
        }
        run = ++at;
    }
    out.append(text, run);
}

void append_log_text(std::string& out, std::string_view text) {
    if (text.empty()) {
        out.push_back('-');
        return;
    }
    std::size_t run = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const auto byte = static_cast<unsigned char>(text[at]);
        if (kClean[byte]) continue;
        out.append(text, run, at - run);
        const char escape[] = {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
        out.append(escape, sizeof escape);
        run = at + 1;
    }
    out.append(text, run);
}

}  // namespace spindle::http
