// SPDX-License-Identifier: Apache-2.0
//
// Memory of this process as /proc says it.
#pragma once

#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace spindle::loadtest {

/// Of a file of /proc: what its lines of that name say, in KiB, summed up.
inline double kibibytes(const char* file, std::string_view name) {
    double sum = 0;
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(name)) sum += std::strtod(line.c_str() + name.size(), nullptr);
    }
    return sum;
}

/// Private memory and page tables of this process, in bytes: a stack that is spread over address space
/// costs both.
inline double memory_bytes() {
    return (kibibytes("/proc/self/smaps_rollup", "Pss:") + kibibytes("/proc/self/status", "VmPTE:")) * 1024;
}

}  // namespace spindle::loadtest
