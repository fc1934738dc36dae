// SPDX-License-Identifier: Apache-2.0
//
// SipHash-1-3 (Aumasson and Bernstein, 2012; the variant of Rust's and Python's tables), for tables whose keys clients
// choose: without the key nobody finds keys that meet in one place.
#pragma once

#include <cstdint>
#include <span>

namespace spindle::pipeline {

struct SipKey {
    std::uint64_t words[2] = {};

    [[nodiscard]] static SipKey random() noexcept;
};

/// Of short keys, as addresses.
[[nodiscard]] std::uint64_t siphash(const SipKey& key, std::span<const unsigned char> bytes) noexcept;

}  // namespace spindle::pipeline
