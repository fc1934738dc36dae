// SPDX-License-Identifier: Apache-2.0
//
// Whoever runs this program reads the server's figures when all connections are open, and not before.
#pragma once

#include <cstdio>

#include <unistd.h>

#include "loadtest/probe/client.hpp"

namespace probe {

/// Prints "opened", and waits for a byte on standard input.
inline void wait_for_start() {
    std::puts("opened");
    std::fflush(stdout);
    char byte = 0;
    if (::read(STDIN_FILENO, &byte, 1) != 1) fail("standard input");
}

}  // namespace probe
