// SPDX-License-Identifier: Apache-2.0
//
// The kinds of option there are: how each is read from TOML, checked, and written back. Part of options.cpp, which has
// the options themselves; included there only.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <toml11/get.hpp>

#include "config/checks.hpp"
#include "config/options.hpp"
#include "config/resources.hpp"
#include "config/units.hpp"

namespace spindle::config {

using namespace std::chrono_literals;
using Outcome = std::expected<void, std::string>;

inline std::string toml_text(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            result += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        else result += c;
    }
    return result + "\"";
}

inline std::string list_of(const std::vector<std::string>& words) {
    std::string result = "[";
    for (const std::string& word : words) {
        if (result.size() > 1) result += ", ";
        result += toml_text(word);
    }
    return result + "]";
}

/// Of an inline table.
inline void append_entry(std::string& entries, std::string_view name, std::string_view value) {
    entries += fmt::format("{}{} = {}", entries.empty() ? "" : ", ", name, value);
}
inline std::string table_of(const std::string& entries) { return entries.empty() ? entries : "{ " + entries + " }"; }

/// Each kind of rule takes `member`, a function from a holder (const or not) to the member's reference.

template <class Holder, class Member>
Rule<Holder> count(Member member, std::uint64_t fallback, std::uint64_t min, std::uint64_t max) {
    const std::string allowed = fmt::format("a whole number from {} to {}", min, max);
    return {.type = "count",
            .default_value = std::to_string(fallback),
            .allowed = allowed,
            .set = [=](Holder& holder, const toml::value& value) -> Outcome {
                if (!value.is_integer() || value.as_integer() < 0) return std::unexpected(allowed);
                const auto number = static_cast<std::uint64_t>(value.as_integer());
                if (number < min || number > max) return std::unexpected(allowed);
                auto& into = member(holder);
                into = static_cast<std::remove_reference_t<decltype(into)>>(number);
                return {};
            },
            .get = [=](const Holder& holder) { return std::to_string(member(holder)); }};
}

/// A count that may be left to the machine.
template <class Holder, class Member>
Rule<Holder> workers(Member member, unsigned max) {
    Rule<Holder> rule = count<Holder>(member, 1, 1, max);
    rule.type = "count or \"auto\"";
    rule.default_value = "\"auto\"";
    rule.allowed = fmt::format("\"auto\" or {}", rule.allowed);
    rule.set = [=, number = rule.set, allowed = rule.allowed](Holder& holder, const toml::value& value) -> Outcome {
        if (value.is_string() && value.as_string() == "auto") {
            member(holder) = std::min(usable_cpus(), max);
            return {};
        }
        if (!number(holder, value)) return std::unexpected(allowed);
        return {};
    };
    return rule;
}

template <class Holder, class Member>
Rule<Holder> size(Member member, std::uint64_t fallback, std::uint64_t min, std::uint64_t max) {
    const std::string allowed = fmt::format("a size from {} to {} with its unit (B, KiB, MiB, GiB), as \"{}\"",
                                            format_size(min), format_size(max), format_size(fallback));
    return {.type = "size",
            .default_value = toml_text(format_size(fallback)),
            .allowed = allowed,
            .set = [=](Holder& holder, const toml::value& value) -> Outcome {
                const auto bytes = value.is_string() ? parse_size(value.as_string()) : std::nullopt;
                if (!bytes || *bytes < min || *bytes > max) return std::unexpected(allowed);
                member(holder) = *bytes;
                return {};
            },
            .get = [=](const Holder& holder) { return toml_text(format_size(member(holder))); }};
}

template <class Holder, class Member>
Rule<Holder> duration(Member member, std::chrono::nanoseconds fallback, std::chrono::nanoseconds min,
                      std::chrono::nanoseconds max) {
    const std::string allowed = fmt::format("a duration from {} to {} with its unit (us, ms, s, m, h), as \"{}\"",
                                            format_duration(min), format_duration(max), format_duration(fallback));
    return {.type = "duration",
            .default_value = toml_text(format_duration(fallback)),
            .allowed = allowed,
            .set = [=](Holder& holder, const toml::value& value) -> Outcome {
                const auto read = value.is_string() ? parse_duration(value.as_string()) : std::nullopt;
                if (!read || *read < min || *read > max) return std::unexpected(allowed);
                member(holder) = *read;
                return {};
            },
            .get = [=](const Holder& holder) { return toml_text(format_duration(member(holder))); }};
}

/// An enumeration; `words` in the order of its values.
template <class Holder, class Member>
Rule<Holder> choice(Member member, std::size_t fallback, std::vector<std::string> words) {
    std::string allowed = "one of";
    for (const std::string& word : words) allowed += (word == words.front() ? " " : ", ") + toml_text(word);
    return {.type = "word",
            .default_value = toml_text(words[fallback]),
            .allowed = allowed,
            .words = words,
            .set = [=](Holder& holder, const toml::value& value) -> Outcome {
                const auto found = value.is_string() ? std::ranges::find(words, value.as_string()) : words.end();
                if (found == words.end()) return std::unexpected(allowed);
                auto& into = member(holder);
                into = static_cast<std::remove_reference_t<decltype(into)>>(found - words.begin());
                return {};
            },
            .get = [=](const Holder& holder) { return toml_text(words[static_cast<std::size_t>(member(holder))]); }};
}

template <class Holder, class Member>
Rule<Holder> flag(Member member, bool fallback) {
    return {.type = "true or false",
            .default_value = fallback ? "true" : "false",
            .allowed = "true or false",
            .set = [=](Holder& holder, const toml::value& value) -> Outcome {
                if (!value.is_boolean()) return std::unexpected("true or false");
                member(holder) = value.as_boolean();
                return {};
            },
            .get = [=](const Holder& holder) { return member(holder) ? "true" : "false"; }};
}

/// Any text for which `holds`.
template <class Holder, class Member>
Rule<Holder> text(Member member, std::string_view fallback, const std::string& allowed,
                  bool (*holds)(std::string_view)) {
    return {.type = "text",
            .default_value = fallback.empty() ? "" : toml_text(fallback),
            .allowed = allowed,
            .set = [=](Holder& holder, const toml::value& value) -> Outcome {
                if (!value.is_string() || !holds(value.as_string())) return std::unexpected(allowed);
                member(holder) = value.as_string();
                return {};
            },
            .get =
                [=](const Holder& holder) {
                    const auto& value = member(holder);
                    return value.empty() ? std::string() : toml_text(std::filesystem::path(value).native());
                }};
}

template <class Holder, class Member>
Rule<Holder> texts(Member member, std::string_view fallback, const std::string& allowed,
                   bool (*holds)(std::string_view)) {
    return {
        .type = "list of text",
        .default_value = std::string(fallback),
        .allowed = allowed,
        .set = [=](Holder& holder, const toml::value& value) -> Outcome {
            if (!value.is_array()) return std::unexpected(allowed);
            std::vector<std::string> words;
            for (const toml::value& item : value.as_array()) {
                if (!item.is_string() || !holds(item.as_string())) return std::unexpected(allowed);
                words.push_back(item.as_string());
            }
            member(holder) = std::move(words);
            return {};
        },
        .get = [=](const Holder& holder) { return member(holder).empty() ? std::string() : list_of(member(holder)); }};
}

/// Some of `words`, none of them twice.
template <class Holder, class Member>
Rule<Holder> choices(Member member, std::vector<std::string> words) {
    const std::string allowed = fmt::format("a list of any of {}, each once", fmt::join(words, ", "));
    return {
        .type = "list of words",
        .default_value = "[]",
        .allowed = allowed,
        .words = words,
        .set = [=](Holder& holder, const toml::value& value) -> Outcome {
            if (!value.is_array()) return std::unexpected(allowed);
            std::vector<std::string> chosen;
            for (const toml::value& item : value.as_array()) {
                const bool known = item.is_string() && std::ranges::find(words, item.as_string()) != words.end();
                if (!known || std::ranges::find(chosen, item.as_string()) != chosen.end())
                    return std::unexpected(allowed);
                chosen.push_back(item.as_string());
            }
            member(holder) = std::move(chosen);
            return {};
        },
        .get = [=](const Holder& holder) { return member(holder).empty() ? std::string() : list_of(member(holder)); }};
}

/// Permission bits as chmod takes them: "0660".
template <class Holder, class Member>
Rule<Holder> file_mode(Member member) {
    const std::string allowed = "permissions in octal from \"0000\" to \"0777\", as \"0660\"";
    return {.type = "text",
            .default_value = "",
            .allowed = allowed,
            .set = [=](Holder& holder, const toml::value& value) -> Outcome {
                if (!value.is_string()) return std::unexpected(allowed);
                const std::string& text = value.as_string();
                const bool octal = text.find_first_not_of("01234567") == text.npos;
                if (!octal || text.size() < 3 || text.size() > 4) return std::unexpected(allowed);
                const unsigned long mode = std::stoul(text, nullptr, 8);
                if (mode > 0777) return std::unexpected(allowed);
                member(holder) = static_cast<unsigned>(mode);
                return {};
            },
            .get =
                [=](const Holder& holder) {
                    const auto& mode = member(holder);
                    return mode ? fmt::format("\"{:04o}\"", *mode) : std::string();
                }};
}

template <class Holder, class Member>
Rule<Holder> networks(Member member) {
    const std::string allowed = "a list of networks, as [\"10.0.0.0/8\", \"::1\", \"unix:\"]";
    return {.type = "list of text",
            .default_value = "[]",
            .allowed = allowed,
            .set = [=](Holder& holder, const toml::value& value) -> Outcome {
                if (!value.is_array()) return std::unexpected(allowed);
                std::vector<Network> list;
                for (const toml::value& item : value.as_array()) {
                    if (!item.is_string()) return std::unexpected(allowed);
                    const auto network = parse_network(item.as_string());
                    if (!network) return std::unexpected(fmt::format("{} ({})", allowed, network.error()));
                    list.push_back(*network);
                }
                member(holder) = std::move(list);
                return {};
            },
            .get =
                [=](const Holder& holder) {
                    std::vector<std::string> words;
                    for (const Network& network : member(holder)) words.push_back(to_string(network));
                    return words.empty() ? std::string() : list_of(words);
                }};
}

/// "10/s", "600/m", "1000/h".
template <class Holder, class Member>
Rule<Holder> rate(Member member) {
    const std::string allowed = "a number of requests from 1 to 1000000 and s, m or h, as \"10/s\"";
    constexpr std::array<std::pair<std::string_view, std::chrono::seconds>, 3> kPeriods{
        {{"s", 1s}, {"m", 60s}, {"h", 3600s}}};
    return {.type = "rate",
            .default_value = "",
            .allowed = allowed,
            .set = [=](Holder& holder, const toml::value& value) -> Outcome {
                if (!value.is_string()) return std::unexpected(allowed);
                const std::string& text = value.as_string();
                std::uint64_t requests = 0;
                const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), requests);
                const std::string_view unit(end, text.data() + text.size());
                const auto period = std::ranges::find_if(kPeriods, [&](const auto& one) {
                    return unit.size() == 2 && unit.front() == '/' && unit.substr(1) == one.first;
                });
                if (error != std::errc() || period == kPeriods.end() || requests == 0 || requests > 1'000'000)
                    return std::unexpected(allowed);
                member(holder).requests = requests;
                member(holder).period = period->second;
                return {};
            },
            .get = [=](const Holder& holder) -> std::string {
                const auto& limit = member(holder);
                const auto period =
                    std::ranges::find(kPeriods, limit.period, [](const auto& one) { return one.second; });
                if (limit.requests == 0 || period == kPeriods.end()) return "";
                return fmt::format("\"{}/{}\"", limit.requests, period->first);
            }};
}

/// A flag that a level may leave to the one around it.
template <class Holder, class Member>
Rule<Holder> inherited_flag(Member member) {
    Rule<Holder> rule = flag<Holder>(member, false);
    rule.default_value = "";
    rule.get = [=](const Holder& holder) -> std::string {
        const std::optional<bool>& value = member(holder);
        return !value ? "" : *value ? "true" : "false";
    };
    return rule;
}

/// Of an option that some handlers have: the dump says it only where it is not the default.
template <class Holder>
Rule<Holder> shown_if_changed(Rule<Holder> rule) {
    rule.get = [get = rule.get, usual = rule.default_value](const Holder& holder) {
        std::string text = get(holder);
        return text == usual ? std::string() : text;
    };
    return rule;
}

template <class Holder, class Member>
Rule<Holder> named_texts(Member member, std::string_view fallback, const std::string& allowed,
                         bool (*valid_name)(std::string_view), bool (*valid_value)(std::string_view)) {
    return {.type = "table of text",
            .default_value = std::string(fallback),
            .allowed = allowed,
            .set = [=](Holder& holder, const toml::value& value) -> Outcome {
                if (!value.is_table()) return std::unexpected(allowed);
                std::vector<NamedText> read;
                for (const auto& [name, text] : value.as_table()) {
                    if (!valid_name(name) || !text.is_string() || !valid_value(text.as_string()))
                        return std::unexpected(allowed);
                    read.push_back({name, text.as_string()});
                }
                std::ranges::sort(read, {}, &NamedText::name);
                member(holder) = std::move(read);
                return {};
            },
            .get = [=](const Holder& holder) -> std::string {
                std::string text;
                for (const NamedText& entry : member(holder))
                    append_entry(text, toml_text(entry.name), toml_text(entry.value));
                return table_of(text);
            }};
}

template <class Holder, class Member>
Rule<Holder> headers(Member member) {
    return named_texts<Holder>(member, "",
                               "a table of header names and values, as { X-Frame-Options = \"DENY\" }, none of them "
                               "Date, Server or about framing",
                               is_token, is_field_value);
}

template <class Holder, class Member>
Rule<Holder> pages(Member member) {
    const std::string allowed = "a table of statuses from 400 to 599 and files, as { 404 = \"404.html\" }";
    return {.type = "table of paths",
            .default_value = "",
            .allowed = allowed,
            .set = [=](Holder& holder, const toml::value& value) -> Outcome {
                if (!value.is_table()) return std::unexpected(allowed);
                std::vector<ErrorPage> read;
                for (const auto& [name, file] : value.as_table()) {
                    unsigned status = 0;
                    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), status);
                    const bool whole = parsed.ec == std::errc() && parsed.ptr == name.data() + name.size();
                    if (!whole || status < 400 || status > 599 || !file.is_string() || file.as_string().empty())
                        return std::unexpected(allowed);
                    read.push_back({static_cast<std::uint16_t>(status), file.as_string()});
                }
                std::ranges::sort(read, {}, &ErrorPage::status);
                member(holder) = std::move(read);
                return {};
            },
            .get = [=](const Holder& holder) -> std::string {
                std::string text;
                for (const ErrorPage& page : member(holder))
                    append_entry(text, std::to_string(page.status), toml_text(page.file.native()));
                return table_of(text);
            }};
}

/// Of redirects and fixed answers.
template <class Holder, class Member>
Rule<Holder> status(Member member) {
    Rule<Holder> rule = count<Holder>(member, 200, 200, 599);
    rule.type = "status";
    rule.default_value = "";
    rule.get = [=](const Holder& holder) { return member(holder) == 0 ? "" : std::to_string(member(holder)); };
    return rule;
}

}  // namespace spindle::config
