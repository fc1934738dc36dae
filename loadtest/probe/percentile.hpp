// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "loadtest/probe/clock.hpp"

namespace probe {

/// Of sorted values; 0 if there are none.
inline Nanoseconds percentile(const std::vector<Nanoseconds>& sorted, double fraction) {
    if (sorted.empty()) return 0;
    const auto index = static_cast<std::size_t>(fraction * static_cast<double>(sorted.size()));
    return sorted[std::min(index, sorted.size() - 1)];
}

}  // namespace probe
