// SPDX-License-Identifier: Apache-2.0
//
// Every option, once: its row gives the parser, the check, the default, the dump and the reference page. A new
// option is a member of Config and a row in options.cpp.
#pragma once

#include <expected>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <toml11/types.hpp>
#include <toml11/value.hpp>

#include "config/config.hpp"

namespace spindle::config {

/// How the text of an option becomes a member and back.
template <class Holder>
struct Rule {
    std::string type;                     ///< "size", "duration", …
    std::string default_value;            ///< as TOML; empty: must be given, or has none
    std::string allowed;                  ///< "a size from 1KiB to 1MiB, with its unit"
    std::vector<std::string> words = {};  ///< all there are, where they can be listed
    /// Puts a value in; the error says what is allowed.
    std::function<std::expected<void, std::string>(Holder&, const toml::value&)> set;
    /// The effective value as TOML; empty: not set, nothing to show.
    std::function<std::string(const Holder&)> get;
};

template <class Holder>
struct Option {
    std::string_view section;  ///< "concurrency.fiber", or the name of an array of tables
    std::string_view name;
    Rule<Holder> rule;
    std::string_view backend;  ///< which backend it matters to: "both", "event_loop", "fiber"
    std::string_view meaning;  ///< one sentence

    [[nodiscard]] std::string key() const { return std::string(section).append(".").append(name); }
};

/// In the order of the reference. Built once; any thread.
[[nodiscard]] std::span<const Option<Config>> config_options();
[[nodiscard]] std::span<const Option<Listen>> listen_options();  ///< [[listen]]
[[nodiscard]] std::span<const Option<Route>> route_options();    ///< [[route]], [[site.route]]
[[nodiscard]] std::span<const Option<Site>> site_options();      ///< [[site]]

/// Where [[listen]] is left out.
inline constexpr std::string_view kDefaultAddress = "127.0.0.1:8080";

/// A value with the defaults of its rows.
[[nodiscard]] Config default_config();
[[nodiscard]] Listen default_listen();
[[nodiscard]] Route default_route();
[[nodiscard]] Site default_site();

}  // namespace spindle::config
