// SPDX-License-Identifier: Apache-2.0
#include "config/loader.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <toml11/parser.hpp>
#include <toml11/serializer.hpp>

#include "config/options.hpp"
#include "config/report.hpp"

namespace spindle::config {
namespace {

/// std::ranges::contains, which g++ 12 has not.
template <class Range, class Value, class Projection = std::identity>
bool contains(const Range& range, const Value& value, Projection projection = {}) {
    return std::ranges::find(range, value, projection) != std::ranges::end(range);
}

/// How a value is shown in an error: its TOML, cut.
std::string shown(const toml::value& value) {
    if (value.is_table()) return "a table";
    std::string text = toml::format(value);
    text = text.substr(0, text.find('\n'));
    if (text.size() > 60) text = text.substr(0, 57) + "...";
    return text;
}

std::string hint(std::string_view word, const std::vector<std::string>& candidates) {
    const std::vector<std::string_view> views(candidates.begin(), candidates.end());
    return did_you_mean(word, views);
}

template <class Holder>
std::string set_option(const Option<Holder>& option, Holder& holder, const toml::value& value) {
    const auto set = option.rule.set(holder, value);
    if (set) return "";
    const std::string near = value.is_string() ? hint(value.as_string(), option.rule.words) : "";
    return fmt::format("{} must be {}, not {}{}", option.key(), set.error(), shown(value), near);
}

bool is_section(std::string_view name) {
    const std::string below = std::string(name) + ".";
    return std::ranges::any_of(config_options(), [&](const Option<Config>& option) {
        return option.section == name || option.section.starts_with(below);
    });
}

template <class Holder>
const Option<Holder>* find_option(std::span<const Option<Holder>> options, std::string_view section,
                                  std::string_view name) {
    const auto found = std::ranges::find_if(
        options, [&](const Option<Holder>& option) { return option.section == section && option.name == name; });
    return found == options.end() ? nullptr : &*found;
}

/// What may stand in `section` ("" is the file itself).
std::vector<std::string> names_in(std::string_view section) {
    std::set<std::string> names;
    const std::string below = section.empty() ? "" : std::string(section) + ".";
    if (section.empty()) names = {"listen", "route"};
    for (const Option<Config>& option : config_options()) {
        const std::string key = option.key();
        if (key.starts_with(below)) names.insert(key.substr(below.size(), key.find('.', below.size()) - below.size()));
    }
    return {names.begin(), names.end()};
}

class Loader {
  public:
    Loader(const std::filesystem::path& file, std::string source, std::span<const std::string_view> handlers)
        : file_(file), report_(file.string(), source), source_(std::move(source)), handlers_(handlers) {
        config_.file = std::filesystem::absolute(file).lexically_normal();
    }

    void read_file() {
        const std::vector<unsigned char> bytes(source_.begin(), source_.end());
        const auto parsed = toml::try_parse(bytes, file_.string());
        if (parsed.is_err()) {
            for (const toml::error_info& error : parsed.unwrap_err()) report_syntax(error);
            return;
        }
        read_section("", parsed.unwrap());
    }

    void read_override(const std::string& text) {
        Report report("--set " + text, "");
        const std::size_t equals = text.find('=');
        if (equals == text.npos) {
            report.add({}, "an override is OPTION=VALUE, as concurrency.backend=fiber");
        } else if (const std::string problem = override_option(text.substr(0, equals), text.substr(equals + 1));
                   !problem.empty()) {
            report.add({}, problem);
        }
        overrides_text_ += report.text();
    }

    std::expected<Config, std::string> finish() {
        if (config_.listen.empty()) config_.listen.push_back(default_listen());
        for (std::string* path : {&config_.log.access_path, &config_.log.error_path}) {
            if (*path != "stdout" && *path != "stderr") *path = resolved(*path).string();
        }
        const bool proxied = std::ranges::any_of(config_.listen, &Listen::proxy_protocol);
        if (proxied && config_.proxies.trusted.empty()) {
            report_.add({},
                        "listen.proxy_protocol is on, but proxies.trusted is empty: nobody could connect; name the "
                        "proxies there, as [\"10.0.0.0/8\"]");
        }
        const std::string problems = report_.text() + overrides_text_;
        if (!problems.empty()) return std::unexpected(problems);
        return std::move(config_);
    }

  private:
    void report_syntax(const toml::error_info& error) {
        Place place;
        std::string message = error.title();
        // toml11 names the function that found it first.
        if (const std::size_t colon = message.find(": "); message.starts_with("toml::") && colon != message.npos) {
            message.erase(0, colon + 2);
        }
        if (!error.locations().empty()) {
            const auto& [location, what] = error.locations().front();
            place = {.line = location.first_line_number(), .column = location.first_column_number()};
            if (!what.empty()) message += ": " + what;
        }
        report_.add(place, message);
    }

    [[nodiscard]] Place place_of(const toml::value& value) const {
        const auto location = value.location();
        return {
            .line = location.first_line_number(), .column = location.first_column_number(), .width = location.length()};
    }

    [[nodiscard]] Place place_of_key(const std::string& key, const toml::value& value) const {
        return report_.word_in_line(value.location().first_line_number(), key);
    }

    void read_section(const std::string& section, const toml::value& table) {
        for (const auto& [name, value] : table.as_table()) {
            const std::string key = section.empty() ? name : fmt::format("{}.{}", section, name);
            if (const auto* option = find_option(config_options(), section, name)) {
                const std::string problem = set_option(*option, config_, value);
                if (!problem.empty()) report_.add(place_of(value), problem);
            } else if (section.empty() && (name == "listen" || name == "route")) {
                read_array(name, value);
            } else if (!is_section(key)) {
                report_.add(place_of_key(name, value),
                            fmt::format("there is no option {}{}", key, hint(name, names_in(section))));
            } else if (!value.is_table()) {
                report_.add(place_of(value), fmt::format("[{}] is a section of options, not a value", key));
            } else {
                read_section(key, value);
            }
        }
    }

    void read_array(const std::string& name, const toml::value& value) {
        const bool tables = value.is_array() && std::ranges::all_of(value.as_array(), &toml::value::is_table);
        if (!tables) {
            report_.add(place_of_key(name, value), fmt::format("each {0} is a table of its own, below [[{0}]]", name));
            return;
        }
        for (const toml::value& item : value.as_array()) {
            if (name == "listen") read_listen(item);
            else read_route(item);
        }
    }

    template <class Holder>
    void read_item(const toml::value& item, std::span<const Option<Holder>> options, Holder& holder) {
        const std::string_view section = options.front().section;
        for (const auto& [name, value] : item.as_table()) {
            if (const auto* option = find_option(options, section, name)) {
                const std::string problem = set_option(*option, holder, value);
                if (!problem.empty()) report_.add(place_of(value), problem);
                continue;
            }
            std::vector<std::string> names;
            for (const Option<Holder>& option : options) names.emplace_back(option.name);
            report_.add(place_of_key(name, value),
                        fmt::format("there is no option {}.{}{}", section, name, hint(name, names)));
        }
    }

    void read_listen(const toml::value& item) {
        Listen listen = default_listen();
        read_item(item, listen_options(), listen);
        const bool twice =
            !listen.address.ends_with(":0") && contains(config_.listen, listen.address, &Listen::address);
        if (twice) report_.add(place_of(item), fmt::format("listen.address {} is there twice", listen.address));
        if (listen.mode) check_fits(item, "mode", listen.address.starts_with("unix:"), "for unix sockets only");
        if (listen.dual_stack)
            check_fits(item, "dual_stack", listen.address.starts_with('['), "for IPv6 addresses only, as [::]:8080");
        config_.listen.push_back(std::move(listen));
    }

    /// An option that would do nothing is a mistake.
    void check_fits(const toml::value& item, const char* name, bool fits, std::string_view why) {
        if (!fits && item.contains(name))
            report_.add(place_of_key(name, item.at(name)), fmt::format("listen.{} is {}", name, why));
    }

    void read_route(const toml::value& item) {
        Route route = default_route();
        read_item(item, route_options(), route);
        for (const std::string_view name : {"path", "handler"}) {
            if (item.contains(std::string(name))) continue;
            report_.add(place_of(item), fmt::format("route.{} is missing: {}", name,
                                                    find_option(route_options(), "route", name)->rule.allowed));
        }
        if (contains(config_.routes, route.path, &Route::path) && !route.path.empty()) {
            report_.add(place_of(item.at("path")), fmt::format("route.path {} is there twice", route.path));
        }
        check_handler(item, route);
        config_.routes.push_back(std::move(route));
    }

    void check_handler(const toml::value& item, Route& route) {
        if (route.handler.empty()) return;
        if (!contains(handlers_, route.handler)) {
            report_.add(place_of(item.at("handler")),
                        fmt::format("route.handler must be one of {}, not \"{}\"{}", fmt::join(handlers_, ", "),
                                    route.handler, did_you_mean(route.handler, handlers_)));
            return;
        }
        if (route.handler == "static") {
            check_static(item, route);
            return;
        }
        route.index.clear();
        for (const char* name : {"root", "index"}) {
            if (!item.contains(name)) continue;
            report_.add(place_of_key(name, item.at(name)),
                        fmt::format("route.{} is for the handler static only", name));
        }
    }

    void check_static(const toml::value& item, Route& route) {
        if (!route.path.empty() && !route.path.ends_with('/')) {
            report_.add(place_of(item.at("path")),
                        fmt::format("route.path of static files is a subtree: it must end with /, as {}/", route.path));
        }
        if (!item.contains("root")) {
            report_.add(place_of(item), "route.root is missing: the folder whose files the handler static serves");
            return;
        }
        if (route.root.empty()) return;  // broken, and reported
        route.root = resolved(route.root);
        // Whether it can be entered, not whether it can be listed: files are opened by their names.
        const int error = ::faccessat(AT_FDCWD, (route.root / ".").c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
        if (error == 0) return;
        const std::string cause = error == ENOTDIR  ? "is not a folder"
                                  : error == ENOENT ? "is not there"
                                                    : fmt::format("cannot be entered: {}", ::strerrordesc_np(error));
        report_.add(place_of(item.at("root")),
                    fmt::format("route.root must be a folder; {} {}", route.root.string(), cause));
    }

    /// What is wrong with it, or "".
    std::string override_option(const std::string& key, const std::string& text) {
        const std::size_t dot = key.rfind('.');
        const std::string section = dot == key.npos ? "" : key.substr(0, dot);
        const std::string name = dot == key.npos ? key : key.substr(dot + 1);
        const toml::value value = override_value(text);
        if (const auto* option = find_option(config_options(), section, name))
            return set_option(*option, config_, value);
        if (const auto* option = find_option(listen_options(), section, name)) {
            if (config_.listen.empty()) config_.listen.push_back(default_listen());
            if (name == "address") config_.listen.resize(1);
            for (Listen& listen : config_.listen) {
                if (std::string problem = set_option(*option, listen, value); !problem.empty()) return problem;
            }
            return "";
        }
        if (section == "route") return "routes are set in the file only";
        std::vector<std::string> keys;
        for (const Option<Config>& option : config_options()) keys.push_back(option.key());
        for (const Option<Listen>& option : listen_options()) keys.push_back(option.key());
        return fmt::format("there is no option {}{}", key, hint(key, keys));
    }

    /// TOML where it is TOML (4, true, "text", [1]), else a text that needs no quotes in a shell.
    static toml::value override_value(const std::string& text) {
        const auto parsed = toml::try_parse_str("value = " + text);
        if (parsed.is_ok() && parsed.unwrap().size() == 1) return parsed.unwrap().at("value");
        return text;
    }

    [[nodiscard]] std::filesystem::path resolved(const std::filesystem::path& path) const {
        return (config_.file.parent_path() / path).lexically_normal();
    }

    const std::filesystem::path file_;
    Report report_;
    const std::string source_;
    const std::span<const std::string_view> handlers_;
    Config config_ = default_config();
    std::string overrides_text_;
};

std::expected<std::string, std::string> read_whole(const std::filesystem::path& file) {
    std::error_code error;
    if (std::filesystem::is_directory(file, error)) return std::unexpected("it is a folder");
    std::ifstream stream(file, std::ios::binary);
    if (!stream) return std::unexpected(std::strerror(errno));
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

}  // namespace

std::expected<Config, std::string> load(const std::filesystem::path& file, std::span<const std::string> overrides,
                                        std::span<const std::string_view> handlers) {
    std::expected<std::string, std::string> source = read_whole(file);
    if (!source) {
        return std::unexpected(
            fmt::format("{}: error: the configuration cannot be read: {}\n", file.string(), source.error()));
    }
    Loader loader(file, std::move(*source), handlers);
    loader.read_file();
    for (const std::string& text : overrides) loader.read_override(text);
    return loader.finish();
}

}  // namespace spindle::config
