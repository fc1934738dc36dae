// SPDX-License-Identifier: Apache-2.0
//
// Opens many connections, asks once on each, and keeps them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace probe {

struct HoldOptions {
    std::vector<std::uint16_t> ports;  ///< servers, which get the connections in turn
    std::uint32_t source = 0;          ///< first address to connect from, host order; 0: whatever the kernel takes
    unsigned sources = 1;              ///< how many addresses from there on
    unsigned connections = 0;
    std::string path = "/plaintext";
    bool wait_for_answer = true;  ///< false: the server is meant to be still at it
};

/// Prints "held N" when all are there, and returns when standard input ends.
void hold(const HoldOptions& options);

}  // namespace probe
