// SPDX-License-Identifier: Apache-2.0
//
// The configuration as text: the effective values, and the page of all options.
#pragma once

#include <string>

#include "config/config.hpp"

namespace spindle::config {

/// TOML that loads to the same Config again ("auto" and relative paths resolved).
[[nodiscard]] std::string dump(const Config& config);

/// Every option with type, default, what is allowed, backend and meaning, as Markdown: docs/options.md.
[[nodiscard]] std::string options_reference();

}  // namespace spindle::config
