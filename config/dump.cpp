// SPDX-License-Identifier: Apache-2.0
#include "config/dump.hpp"

#include <span>
#include <string_view>

#include <fmt/format.h>

#include "config/options.hpp"

namespace spindle::config {
namespace {

template <class Holder>
void append_values(std::string& text, const Holder& holder, const Option<Holder>& option) {
    const std::string value = option.rule.get(holder);
    if (!value.empty()) text += fmt::format("{} = {}\n", option.name, value);
}

template <class Holder>
void append_item(std::string& text, const Holder& item, std::string_view name,
                 std::span<const Option<Holder>> options) {
    text += fmt::format("\n[[{}]]\n", name);
    for (const Option<Holder>& option : options) append_values(text, item, option);
}

template <class Holder>
void append_rows(std::string& page, std::span<const Option<Holder>> options, std::string_view open,
                 std::string_view close) {
    std::string_view section;
    for (const Option<Holder>& option : options) {
        if (option.section != section) {
            section = option.section;
            page += fmt::format(
                "\n## {}{}{}\n\n| option | type | default | allowed | backend | meaning |\n|---|---|---|---|---|---|\n",
                open, section, close);
        }
        const std::string fallback =
            option.rule.default_value.empty() ? "" : fmt::format("`{}`", option.rule.default_value);
        page += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", option.key(), option.rule.type, fallback,
                            option.rule.allowed, option.backend, option.meaning);
    }
}

}  // namespace

std::string dump(const Config& config) {
    std::string text;
    std::string_view section;
    for (const Option<Config>& option : config_options()) {
        if (option.section != section) {
            text += fmt::format("{}[{}]\n", section.empty() ? "" : "\n", option.section);
            section = option.section;
        }
        append_values(text, config, option);
    }
    for (const Listen& listen : config.listen) append_item(text, listen, "listen", listen_options());
    for (const Route& route : config.routes) append_item(text, route, "route", route_options());
    for (const Site& site : config.sites) {
        append_item(text, site, "site", site_options());
        for (const Route& route : site.routes) append_item(text, route, "site.route", route_options());
    }
    return text;
}

std::string options_reference() {
    std::string page =
        "# Options\n\n"
        "Written by `spindle options`; what is not set has its default. On the command line, "
        "`--set OPTION=VALUE` wins over the file.\n";
    append_rows(page, config_options(), "[", "]");
    append_rows(page, listen_options(), "[[", "]]");
    append_rows(page, route_options(), "[[", "]]");
    append_rows(page, site_options(), "[[", "]]");
    return page;
}

}  // namespace spindle::config
