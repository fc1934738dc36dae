// SPDX-License-Identifier: Apache-2.0
#include "config/command_line.hpp"

#include <sstream>

#include <CLI/CLI.hpp>

namespace spindle::config {

std::expected<CommandLine, Exit> parse_command_line(int argc, const char* const* argv, const std::string& version) {
    CommandLine line;
    bool test = false;
    bool dump = false;
    std::string file = line.file.string();

    CLI::App app("HTTP server with two concurrency backends: an event loop, or fibers", "spindle");
    app.set_version_flag("-v,--version", "spindle " + version, "Print the version");
    app.add_option("-c,--config", file, "The configuration")->type_name("FILE")->capture_default_str();
    app.add_option("--set", line.overrides, "Override an option, as concurrency.backend=fiber; may be repeated")
        ->type_name("OPTION=VALUE")
        ->allow_extra_args(false)
        ->take_all();
    CLI::Option* test_flag = app.add_flag("-t,--test", test, "Check the configuration and exit");
    app.add_flag("-T,--dump", dump, "Print the effective configuration and exit")->excludes(test_flag);
    app.add_flag("-q,--quiet", line.quiet, "Say nothing when all is well");
    const CLI::App* options = app.add_subcommand("options", "Print the page of all options");
    app.footer(
        "Signals: the first SIGTERM or SIGINT drains, a second ends at once.\n"
        "Exit codes: 0 ended, 1 could not run, 2 wrong usage, 78 wrong configuration.");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        std::ostringstream out;
        std::ostringstream problem;
        const int code = app.exit(error, out, problem);
        return std::unexpected(code == 0 ? Exit{0, out.str()} : Exit{2, problem.str()});
    }
    line.file = file;
    if (options->parsed()) line.action = CommandLine::Action::options;
    else if (test) line.action = CommandLine::Action::test;
    else if (dump) line.action = CommandLine::Action::dump;
    return line;
}

}  // namespace spindle::config
