// SPDX-License-Identifier: Apache-2.0
#include "config/loader.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <toml11/parser.hpp>
#include <toml11/serializer.hpp>

#include "config/checks.hpp"
#include "config/options.hpp"
#include "config/paths.hpp"
#include "config/report.hpp"
#include "config/route_path.hpp"
#include "config/text_template.hpp"

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

/// For a word, or for the first wrong one of a list.
std::string hint_for(const toml::value& value, const std::vector<std::string>& words) {
    if (value.is_string()) return hint(value.as_string(), words);
    if (!value.is_array() || words.empty()) return "";
    for (const toml::value& item : value.as_array()) {
        if (item.is_string() && !contains(words, item.as_string())) return hint(item.as_string(), words);
    }
    return "";
}

template <class Holder>
std::string set_option(const Option<Holder>& option, Holder& holder, const toml::value& value) {
    const auto set = option.rule.set(holder, value);
    if (set) return "";
    return fmt::format("{} must be {}, not {}{}", option.key(), set.error(), shown(value),
                       hint_for(value, option.rule.words));
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
    if (section.empty()) names = {"listen", "route", "site"};
    for (const Option<Config>& option : config_options()) {
        const std::string key = option.key();
        if (key.starts_with(below)) names.insert(key.substr(below.size(), key.find('.', below.size()) - below.size()));
    }
    return {names.begin(), names.end()};
}

/// Options of a route that are some handlers' own.
struct HandlersOption {
    std::string_view name;
    std::vector<std::string_view> handlers;
};
const std::array<HandlersOption, 10> kHandlersOptions{{{"root", {"static"}},
                                                       {"try_files", {"static"}},
                                                       {"autoindex", {"static"}},
                                                       {"symlinks", {"static"}},
                                                       {"precompressed", {"static"}},
                                                       {"index", {"static"}},
                                                       {"to", {"redirect", "rewrite"}},
                                                       {"status", {"redirect", "respond"}},
                                                       {"body", {"respond"}},
                                                       {"content_type", {"respond"}}}};

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
        const toml::value& file = parsed.unwrap();
        read_section("", file);
        if (file.contains("responses") && file.at("responses").is_table()) {
            check_responses(config_.responses, file.at("responses"));
        }
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
        resolve_log("log.access_path", config_.log.access_path, config_.log.access);
        resolve_log("log.error_path", config_.log.error_path, true);
        if (config_.files.types_table != "none")
            config_.files.types_table = resolved(config_.files.types_table).string();
        const bool proxied = std::ranges::any_of(config_.listen, &Listen::proxy_protocol);
        if (proxied && config_.proxies.trusted.empty()) {
            report_.add({},
                        "listen.proxy_protocol is on, but proxies.trusted is empty: nobody could connect; name the "
                        "proxies there, as [\"10.0.0.0/8\"]");
        }
        if (https_only_ && config_.proxies.trusted.empty()) {
            report_.add(*https_only_,
                        "https_only is on, but proxies.trusted is empty: nobody could say that a request came by "
                        "https; name the proxies there, as [\"10.0.0.0/8\"]");
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
                places_[key] = place_of(value);
                const std::string problem = set_option(*option, config_, value);
                if (!problem.empty()) report_.add(places_[key], problem);
            } else if (section.empty() && (name == "listen" || name == "route" || name == "site")) {
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
        const std::string rule = fmt::format("each {0} is a table of its own, below [[{0}]]", name);
        for (const toml::value& item : tables_of(name, value, rule)) {
            if (name == "listen") read_listen(item);
            else if (name == "site") read_site(item);
            else read_route(item, config_.routes);
        }
    }

    /// Of an array of tables. Anything else is reported, and none.
    toml::array tables_of(const std::string& name, const toml::value& value, const std::string& rule) {
        if (value.is_array() && std::ranges::all_of(value.as_array(), &toml::value::is_table)) return value.as_array();
        report_.add(place_of_key(name, value), rule);
        return {};
    }

    template <class Holder>
    void read_item(const toml::value& item, std::span<const Option<Holder>> options, Holder& holder,
                   std::string_view nested = "") {
        const std::string_view section = options.front().section;
        for (const auto& [name, value] : item.as_table()) {
            if (name == nested) continue;
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

    void read_site(const toml::value& item) {
        Site site = default_site();
        read_item(item, site_options(), site, "route");
        check_access(site.access, item);
        check_responses(site.responses, item);
        if (!item.contains("hosts") || (item.at("hosts").is_array() && item.at("hosts").size() == 0)) {
            report_.add(place_of(item), fmt::format("site.hosts is missing: {}",
                                                    find_option(site_options(), "site", "hosts")->rule.allowed));
        }
        for (const std::string& host : site.hosts) {
            if (!hosts_.insert(host).second)
                report_.add(place_of(item.at("hosts")), fmt::format("site.hosts has {}, which is there already", host));
        }
        if (item.contains("route")) {
            const char* rule = "each route of a site is a table below [[site.route]]";
            for (const toml::value& route : tables_of("route", item.at("route"), rule)) read_route(route, site.routes);
        }
        config_.sites.push_back(std::move(site));
    }

    void read_route(const toml::value& item, std::vector<Route>& routes) {
        Route route = default_route();
        read_item(item, route_options(), route);
        for (const std::string_view name : {"path", "handler"}) {
            if (item.contains(std::string(name))) continue;
            report_.add(place_of(item), fmt::format("route.{} is missing: {}", name,
                                                    find_option(route_options(), "route", name)->rule.allowed));
        }
        if (contains(routes, route.path, &Route::path) && !route.path.empty()) {
            report_.add(place_of(item.at("path")), fmt::format("route.path {} is there twice", route.path));
        }
        check_access(route.access, item);
        check_responses(route.responses, item);
        check_handler(item, route);
        routes.push_back(std::move(route));
    }

    void check_handler(const toml::value& item, Route& route) {
        if (route.handler.empty()) return;
        if (!contains(handlers_, route.handler)) {
            report_.add(place_of(item.at("handler")),
                        fmt::format("route.handler must be one of {}, not \"{}\"{}", fmt::join(handlers_, ", "),
                                    route.handler, did_you_mean(route.handler, handlers_)));
            return;
        }
        for (const HandlersOption& option : kHandlersOptions) {
            const std::string name(option.name);
            if (!item.contains(name) || contains(option.handlers, route.handler)) continue;
            report_.add(place_of_key(name, item.at(name)),
                        fmt::format("route.{} is for the handler{} {} only", name,
                                    option.handlers.size() > 1 ? "s" : "", fmt::join(option.handlers, " and ")));
        }
        if (route.handler == "static") check_static(item, route);
        else route.index.clear();
        if (route.handler == "redirect" || route.handler == "rewrite") check_target(item, route);
        if (constexpr std::array kWithoutContent = {204, 205, 304};
            route.handler == "respond" && !route.body.empty() && contains(kWithoutContent, int{route.status}))
            report_.add(
                place_of(item.at("body")),
                fmt::format("route.body cannot be sent: a response with status {} has no content", route.status));
    }

    /// Of a redirect or rewrite.
    void check_target(const toml::value& item, const Route& route) {
        if (!item.contains("to")) {
            report_.add(place_of(item), fmt::format("route.to is missing: where the handler {} leads", route.handler));
            return;
        }
        if (route.handler == "rewrite") check_rewrite(item);
        if (route.handler == "rewrite" && !route.to.empty() && !route.to.starts_with('/')) {
            report_.add(place_of(item.at("to")), "route.to of a rewrite is a path of this site: it must begin with /");
        }
        if (constexpr std::array kRedirects = {0, 301, 302, 303, 307, 308};
            route.handler == "redirect" && !contains(kRedirects, int{route.status})) {
            report_.add(
                place_of(item.at("status")),
                fmt::format("route.status of a redirect must be 301, 302, 303, 307 or 308, not {}", route.status));
        }
        const auto path = parse_route_path(route.path);
        const auto target = parse_template(route.to);
        if (!path || !target) return;  // broken, and reported
        std::vector<std::string_view> names = path->parameter_names();
        names.insert(names.end(), {"host", "path", "query", "uri"});
        // A rewrite is followed before anybody looks who asks.
        if (route.handler == "redirect") names.push_back("scheme");
        for (const TemplatePiece& piece : *target) {
            if (!piece.is_variable || contains(names, piece.text)) continue;
            report_.add(place_of(item.at("to")),
                        fmt::format("route.to has {{{}}}, which neither the path nor the request has{}", piece.text,
                                    did_you_mean(piece.text, names)));
        }
    }

    /// What else is said there would be said of nothing: the route that it leads to answers.
    void check_rewrite(const toml::value& item) {
        for (const auto& [name, value] : item.as_table()) {
            if (name == "path" || name == "handler" || name == "to") continue;
            if (find_option(route_options(), "route", name) == nullptr ||
                contains(kHandlersOptions, name, &HandlersOption::name))
                continue;
            report_.add(
                place_of_key(name, value),
                fmt::format("route.{} does not hold for a rewrite: say it of the route that it leads to", name));
        }
    }

    void check_responses(ResponseRules& rules, const toml::value& table) {
        check_headers(table);
        for (ErrorPage& page : rules.error_pages) page.file = readable(page.file, "error_pages", table);
        check_cors(rules, table);
    }

    /// What is of the wrong kind is reported already.
    void check_headers(const toml::value& table) {
        for (const char* option : {"set_headers", "add_headers"}) {
            if (!table.contains(option) || !table.at(option).is_table()) continue;
            for (const auto& [name, value] : table.at(option).as_table())
                check_settable(option, name, place_of_key(name, value));
        }
        if (!table.contains("remove_headers") || !table.at("remove_headers").is_array()) return;
        for (const toml::value& name : table.at("remove_headers").as_array()) {
            if (name.is_string()) check_settable("remove_headers", name.as_string(), place_of(name));
        }
    }

    void check_settable(std::string_view option, std::string_view name, const Place& place) {
        const std::string_view why = why_not_settable(name);
        if (!why.empty()) report_.add(place, fmt::format("{} cannot name {}: {}", option, name, why));
    }

    void check_access(Access& access, const toml::value& table) {
        if (!access.auth_file.empty()) access.auth_file = readable(access.auth_file, "auth_file", table);
        if (access.https_only.value_or(false)) https_only_ = place_of(table.at("https_only"));
    }

    /// Absolute; reported if it cannot be read.
    std::filesystem::path readable(const std::filesystem::path& file, const char* option, const toml::value& table) {
        std::filesystem::path absolute = resolved(file);
        if (const std::string problem = why_not_readable(absolute); !problem.empty())
            report_.add(place_of(table.at(option)), fmt::format("{}: {} {}", option, absolute.string(), problem));
        return absolute;
    }

    void check_cors(const ResponseRules& rules, const toml::value& table) {
        if (rules.cors_credentials.value_or(false) && contains(rules.cors_origins, "*")) {
            report_.add(
                place_of(table.at("cors_credentials")),
                "cors_credentials cannot be with the origin *: name the origins (Fetch standard, CORS protocol)");
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
        if (const std::string problem = why_not_enterable(route.root); !problem.empty()) {
            report_.add(place_of(item.at("root")),
                        fmt::format("route.root must be a folder; {} {}", route.root.string(), problem));
        }
    }

    /// As it will be: overrides are known by now.
    void resolve_log(const char* key, std::string& path, bool opened) {
        if (path == "stdout" || path == "stderr") return;
        path = resolved(path).string();
        if (!opened) return;
        if (const std::string problem = why_not_loggable(path); !problem.empty())
            report_.add(places_[key], fmt::format("{} must be a file to write to; {} {}", key, path, problem));
    }

    /// What is wrong with it, or "".
    std::string override_option(const std::string& key, const std::string& text) {
        const std::size_t dot = key.rfind('.');
        const std::string section = dot == key.npos ? "" : key.substr(0, dot);
        const std::string name = dot == key.npos ? key : key.substr(dot + 1);
        const toml::value value = override_value(text);
        if (const auto* option = find_option(config_options(), section, name)) {
            places_.erase(key);
            return set_option(*option, config_, value);
        }
        if (const auto* option = find_option(listen_options(), section, name)) {
            if (config_.listen.empty()) config_.listen.push_back(default_listen());
            if (name == "address") config_.listen.resize(1);
            for (Listen& listen : config_.listen) {
                if (std::string problem = set_option(*option, listen, value); !problem.empty()) return problem;
            }
            return "";
        }
        if (section == "route" || section == "site") return fmt::format("{}s are set in the file only", section);
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
    std::set<std::string> hosts_;          // of all sites
    std::map<std::string, Place> places_;  // of the values of options, where no override came behind them
    std::optional<Place> https_only_;      // where somebody asks for it
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
    return load_text(file, std::move(*source), overrides, handlers);
}

std::expected<Config, std::string> load_text(const std::filesystem::path& file, std::string text,
                                             std::span<const std::string> overrides,
                                             std::span<const std::string_view> handlers) {
    Loader loader(file, std::move(text), handlers);
    loader.read_file();
    for (const std::string& override : overrides) loader.read_override(override);
    return loader.finish();
}

}  // namespace spindle::config
