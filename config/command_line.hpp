// SPDX-License-Identifier: Apache-2.0
//
// What the user typed.
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

namespace spindle::config {

struct CommandLine {
    enum class Action { serve, test, dump, options };
    Action action = Action::serve;
    std::filesystem::path file = "spindle.toml";
    std::vector<std::string> overrides;  ///< "concurrency.backend=fiber"
    bool quiet = false;                  ///< nothing on success
};

/// There is nothing more to do: help, version, or wrong usage.
struct Exit {
    int code = 0;      ///< 0, or 2 for wrong usage
    std::string text;  ///< for standard output when the code is 0, else for standard error
};

[[nodiscard]] std::expected<CommandLine, Exit> parse_command_line(int argc, const char* const* argv,
                                                                  const std::string& version);

}  // namespace spindle::config
