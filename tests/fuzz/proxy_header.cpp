// SPDX-License-Identifier: Apache-2.0
//
// Whatever bytes come, and wherever they are cut: the parser of PROXY headers stays inside them, no shorter beginning
// gives another outcome than the whole but `incomplete`, and it never asks for more than its bound.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "server/http/proxy_header.hpp"

namespace {

using namespace spindle::http;

/// From a copy that ends where `bytes` do, so that a sanitizer sees a step beyond.
std::expected<ProxyHeader, ProxyHeaderFault> parse(std::string_view bytes) {
    const auto copy = std::make_unique<char[]>(bytes.size());
    bytes.copy(copy.get(), bytes.size());
    return parse_proxy_header({copy.get(), bytes.size()});
}

bool is_incomplete(const std::expected<ProxyHeader, ProxyHeaderFault>& header) {
    return !header && header.error() == ProxyHeaderFault::incomplete;
}

[[noreturn]] void fail(const char* what, std::size_t at) {
    std::fprintf(stderr, "%s, cut at %zu\n", what, at);
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto whole = parse(bytes);
    if (is_incomplete(whole) && size >= kProxyHeaderBytesMax) fail("more than the bound is asked for", size);
    if (whole && whole->bytes > size) fail("a header longer than what came", size);
    for (std::size_t cut = 0; cut < size && cut < kProxyHeaderBytesMax; ++cut) {
        const auto begin = parse(bytes.substr(0, cut));
        if (is_incomplete(begin)) {
            if (whole && cut >= whole->bytes) fail("a whole header is incomplete", cut);
        } else if (begin != whole) {
            fail("a beginning has another outcome", cut);
        }
    }
    return 0;
}
