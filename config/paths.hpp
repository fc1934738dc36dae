// SPDX-License-Identifier: Apache-2.0
//
// Whether what a configuration names in the file system can be used, by the effective user. Nothing is made or changed.
// Each answer is "" or why not, as the end of a sentence that begins with the path.
#pragma once

#include <filesystem>
#include <string>

namespace spindle::config {

[[nodiscard]] std::string why_not_readable(const std::filesystem::path& file);

/// Whether it can be entered, not whether it can be listed: files are opened by their names.
[[nodiscard]] std::string why_not_enterable(const std::filesystem::path& folder);

/// Whether a log can be opened there, or made. Of a FIFO only the right to write to it: opening and closing it would
/// tell a reader who waits there that the log has ended.
[[nodiscard]] std::string why_not_loggable(const std::filesystem::path& file);

}  // namespace spindle::config
