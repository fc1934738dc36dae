// SPDX-License-Identifier: Apache-2.0
//
// From a file and the command line's overrides to a Config. Whatever is wrong is found in one go.
#pragma once

#include <expected>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "config/config.hpp"

namespace spindle::config {

/// `overrides`: "concurrency.backend=fiber"; they win over the file. "listen.address=…" replaces all listeners by
/// that one. `handlers`: the names that a route may use. The error is the whole report, ending with a newline.
[[nodiscard]] std::expected<Config, std::string> load(const std::filesystem::path& file,
                                                      std::span<const std::string> overrides,
                                                      std::span<const std::string_view> handlers);

/// The same of a text, which is called `file` in messages, and beside which paths are looked up.
[[nodiscard]] std::expected<Config, std::string> load_text(const std::filesystem::path& file, std::string text,
                                                           std::span<const std::string> overrides,
                                                           std::span<const std::string_view> handlers);

}  // namespace spindle::config
