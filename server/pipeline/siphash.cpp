// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/siphash.hpp"

#include <cstring>

#include <sys/random.h>

namespace spindle::pipeline {

namespace {

constexpr std::uint64_t rotated(std::uint64_t x, int bits) noexcept { return x << bits | x >> (64 - bits); }

}  // namespace

SipKey SipKey::random() noexcept {
    SipKey key;
    (void)!::getrandom(key.words, sizeof key.words, 0);
    return key;
}

std::uint64_t siphash(const SipKey& key, std::span<const unsigned char> bytes) noexcept {
    std::uint64_t v0 = key.words[0] ^ 0x736f6d6570736575;
    std::uint64_t v1 = key.words[1] ^ 0x646f72616e646f6d;
    std::uint64_t v2 = key.words[0] ^ 0x6c7967656e657261;
    std::uint64_t v3 = key.words[1] ^ 0x7465646279746573;
    const auto round = [&] {
        v0 += v1, v1 = rotated(v1, 13) ^ v0, v0 = rotated(v0, 32);
        v2 += v3, v3 = rotated(v3, 16) ^ v2;
        v0 += v3, v3 = rotated(v3, 21) ^ v0;
        v2 += v1, v1 = rotated(v1, 17) ^ v2, v2 = rotated(v2, 32);
    };
    const std::size_t size = bytes.size();
    while (bytes.size() >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data(), 8);
        v3 ^= word;
        round();
        v0 ^= word;
        bytes = bytes.subspan(8);
    }
    std::uint64_t last = static_cast<std::uint64_t>(size) << 56;
    std::memcpy(&last, bytes.data(), bytes.size());
    v3 ^= last;
    round();
    v0 ^= last;
    v2 ^= 0xff;
    for (int i = 0; i < 3; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace spindle::pipeline
