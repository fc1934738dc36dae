// SPDX-License-Identifier: Apache-2.0
//
// Clients by number, as the tables of all processes know them: by an address' bytes.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

namespace spindle::pipeline {

using ClientBytes = std::array<unsigned char, 4>;

inline ClientBytes client(std::uint32_t number) {
    ClientBytes bytes;
    std::memcpy(bytes.data(), &number, sizeof number);
    return bytes;
}

}  // namespace spindle::pipeline
