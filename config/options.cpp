// SPDX-License-Identifier: Apache-2.0
#include "config/options.hpp"

#include <netdb.h>

#include <fmt/format.h>
#include <algorithm>
#include <limits>
#include <ranges>
#include <type_traits>

#include <toml11/get.hpp>
#include <toml11/parser.hpp>

#include "config/resources.hpp"
#include "config/units.hpp"

namespace spindle::config {
namespace {

using namespace std::chrono_literals;
using Outcome = std::expected<void, std::string>;

std::string toml_text(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            result += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        else result += c;
    }
    return result + "\"";
}

std::string list_of(const std::vector<std::string>& words) {
    std::string result = "[";
    for (const std::string& word : words) result += (result.size() > 1 ? ", " : "") + toml_text(word);
    return result + "]";
}

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
                    return list_of(words);
                }};
}

bool is_clean(std::string_view text) { return !text.empty() && text.find('\0') == text.npos; }
bool is_route_path(std::string_view text) {
    return text.starts_with('/') && is_clean(text) && text.find_first_of("?#") == text.npos;
}
bool is_file_name(std::string_view text) {
    return is_clean(text) && text.find('/') == text.npos && text != "." && text != "..";
}

/// A host's address, as numbers. Whether this machine has it is found when it is bound.
bool is_numeric_host(const std::string& host) {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return false;
    ::freeaddrinfo(found);
    return true;
}

/// A port, and a host before it: 127.0.0.1, [::1], or a unix socket's path, or what systemd passes.
bool is_address(std::string_view text) {
    if (!is_clean(text)) return false;
    if (text == "systemd") return true;
    if (text.starts_with("systemd:")) return text.size() > 8 && text.find(':', 8) == text.npos;
    if (text.starts_with("unix:")) return text.size() > 5 && text.size() < 5 + 108;
    const std::size_t colon = text.rfind(':');
    if (colon == text.npos || colon == 0) return false;
    const std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (!bracketed && host.find_first_not_of("0123456789.") != host.npos) return false;
    if (!is_numeric_host(std::string(bracketed ? host.substr(1, host.size() - 2) : host))) return false;
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != port.npos) return false;
    return std::stoul(std::string(port)) <= 65535;
}

constexpr std::uint64_t operator""_KiB(unsigned long long number) { return number << 10; }
constexpr std::uint64_t operator""_MiB(unsigned long long number) { return number << 20; }
constexpr std::uint64_t operator""_GiB(unsigned long long number) { return number << 30; }

// The member of an option, for both a const and a mutable holder.
#define MEMBER(path) ([](auto& holder) -> auto& { return holder.path; })

std::vector<Option<Config>> make_config_options() {
    using C = Config;
    return {
        {"concurrency", "backend", choice<C>(MEMBER(concurrency.backend), 0, {"event_loop", "fiber"}), "both",
         "The concurrency model: `event_loop` is Node's, one thread that must never wait; `fiber` is Go's, a fiber per "
         "connection on a work-stealing pool."},
        {"concurrency.event_loop", "processes", workers<C>(MEMBER(concurrency.event_loop.processes), 1024),
         "event_loop",
         "Worker processes, each with one event loop; `auto` is the CPUs that affinity and cgroup quota leave."},
        {"concurrency.event_loop", "blocking_threads",
         count<C>(MEMBER(concurrency.event_loop.blocking_threads), 4, 1, 1024), "event_loop",
         "Threads of each process for work that a handler declares blocking."},
        {"concurrency.event_loop", "blocking_queue",
         count<C>(MEMBER(concurrency.event_loop.blocking_queue), 1024, 0, 1'000'000), "event_loop",
         "Blocking work of each process that waits while all its threads are at work; more is refused, which a handler "
         "answers with 503."},
        {"concurrency.event_loop", "lag_warning",
         duration<C>(MEMBER(concurrency.event_loop.lag_warning), 100ms, 1ms, 1h), "event_loop",
         "A handler that holds its loop longer is warned about, with its route."},
        {"concurrency.fiber", "processors", workers<C>(MEMBER(concurrency.fiber.processors), 1024), "fiber",
         "Processors, which run fibers side by side, like Go's GOMAXPROCS; `auto` is the CPUs that affinity and cgroup "
         "quota leave."},
        {"concurrency.fiber", "threads_max", count<C>(MEMBER(concurrency.fiber.threads_max), 512, 2, 10000), "fiber",
         "The most threads, those stuck in blocking calls included, like Go's SetMaxThreads."},
        {"concurrency.fiber", "stack_size", size<C>(MEMBER(concurrency.fiber.stack_size), 256_KiB, 64_KiB, 64_MiB),
         "fiber", "Address space of a fiber's stack with its guard page; memory is used only as far as the stack is."},
        {"concurrency.fiber", "handoff_after", duration<C>(MEMBER(concurrency.fiber.handoff_after), 1ms, 100us, 10s),
         "fiber", "A handler that runs longer without waiting loses its processor to another thread."},
        {"limits", "header_bytes", size<C>(MEMBER(limits.header_bytes), 16_KiB, 1_KiB, 1_MiB), "both",
         "Request line and header fields together; more is answered 431."},
        {"limits", "header_count", count<C>(MEMBER(limits.header_count), 100, 1, 10000), "both",
         "Header fields of a request; more is answered 431."},
        {"limits", "target_bytes", size<C>(MEMBER(limits.target_bytes), 8_KiB, 64, 1_MiB), "both",
         "The request target; more is answered 414."},
        {"limits", "body_bytes", size<C>(MEMBER(limits.body_bytes), 1_MiB, 0, 1024_GiB), "both",
         "The body of a request; more is answered 413."},
        {"limits", "connections", count<C>(MEMBER(limits.connections), 16384, 1, 10'000'000), "both",
         "Open connections of the whole server; beyond it new ones wait in the kernel's queue."},
        {"limits", "requests_per_connection", count<C>(MEMBER(limits.requests_per_connection), 0, 0, 1'000'000'000'000),
         "both", "A connection is closed after that many requests; 0 is no limit."},
        {"timeouts", "header", duration<C>(MEMBER(timeouts.header), 15s, 10ms, 24h), "both",
         "From the first byte of a request to the end of its header; then 408."},
        {"timeouts", "body", duration<C>(MEMBER(timeouts.body), 30s, 10ms, 24h), "both",
         "Between two reads of a request's body; then 408."},
        {"timeouts", "idle", duration<C>(MEMBER(timeouts.idle), 75s, 10ms, 24h), "both",
         "A connection without a request is closed after it."},
        {"timeouts", "write", duration<C>(MEMBER(timeouts.write), 60s, 10ms, 24h), "both",
         "A client that takes no byte of a response for that long is cut off."},
        {"timeouts", "handler", duration<C>(MEMBER(timeouts.handler), 0ns, 0ns, 24h), "both",
         "A handler's waits end that long after its begin, and further ones at once; 0s is no limit."},
        {"timeouts", "half_closed", duration<C>(MEMBER(timeouts.half_closed), 5s, 0ns, 24h), "both",
         "A client that has sent FIN and does not receive may be gone: a handler that waits is cancelled after it; 0s "
         "is never."},
        {"timeouts", "drain", duration<C>(MEMBER(timeouts.drain), 30s, 0ns, 24h), "both",
         "On a stop signal, the server ends within it; what is left 1s before (or at half of it) is cancelled."},
        {"proxies", "trusted", networks<C>(MEMBER(proxies.trusted)), "both",
         "Proxies that are believed what they say of their clients: networks, addresses, or `unix:` for whoever comes "
         "over a unix socket."},
        {"proxies", "field", choice<C>(MEMBER(proxies.field), 0, {"x-forwarded-for", "forwarded"}), "both",
         "Where the proxies write the client's address: X-Forwarded-For with X-Forwarded-Proto, or Forwarded. Only the "
         "one that all of them write may be read: the other one may be forged."},
        {"log", "level", choice<C>(MEMBER(log.level), 2, {"trace", "debug", "info", "warning", "error", "off"}), "both",
         "What the error log says."},
        {"log", "format", choice<C>(MEMBER(log.format), 0, {"combined", "json"}), "both",
         "The access log's lines: the combined format of Apache and nginx, or JSON."},
        {"log", "access", flag<C>(MEMBER(log.access), true), "both", "Whether there is an access log."},
        {"log", "access_path",
         text<C>(MEMBER(log.access_path), "stdout", "`stdout`, `stderr` or a file's path", is_clean), "both",
         "Where the access log goes."},
        {"log", "error_path",
         text<C>(MEMBER(log.error_path), "stderr", "`stdout`, `stderr` or a file's path", is_clean), "both",
         "Where the error log goes."},
        {"log", "schedtrace", duration<C>(MEMBER(log.schedtrace), 0ns, 0ns, 24h), "both",
         "How often the error log gets a line about workers, threads, queues and stuck handlers, like Go's schedtrace; "
         "0s is never."},
    };
}

std::vector<Option<Listen>> make_listen_options() {
    using L = Listen;
    return {
        {"listen", "address",
         text<L>(MEMBER(address), kDefaultAddress,
                 "an address as \"127.0.0.1:8080\", \"[::]:8080\" (ports up to 65535, 0 for any free one), "
                 "\"unix:/run/spindle.sock\", \"systemd\" or \"systemd:name\"",
                 is_address),
         "both",
         "Where to accept connections; `systemd` is all sockets that socket activation passes, `systemd:name` those "
         "with this FileDescriptorName."},
        {"listen", "backlog", count<L>(MEMBER(backlog), 4096, 1, 1'000'000), "both",
         "Connections that the kernel keeps until they are accepted; net.core.somaxconn bounds it, and systemd sets "
         "its own."},
        {"listen", "mode", file_mode<L>(MEMBER(mode)), "both",
         "Who may connect to a unix socket, from its first moment on; left out, what the umask leaves."},
        {"listen", "dual_stack", flag<L>(MEMBER(dual_stack), false), "both",
         "For IPv6: whether IPv4 connections are taken too, as \"[::]\" can."},
        {"listen", "proxy_protocol", flag<L>(MEMBER(proxy_protocol), false), "both",
         "Connections must begin with a PROXY header, version 1 or 2, and come from `proxies.trusted`; others are "
         "closed."},
    };
}

std::vector<Option<Route>> make_route_options() {
    using R = Route;
    return {
        {"route", "path", text<R>(MEMBER(path), "", "a path that begins with /", is_route_path), "both",
         "What is served here: a path that ends in / is its whole subtree, any other only itself; the longest match "
         "wins."},
        {"route", "handler", text<R>(MEMBER(handler), "", "the name of a handler", is_clean), "both", "What answers."},
        {"route", "root", text<R>(MEMBER(root), "", "the path of a folder", is_clean), "both",
         "For `static`: the folder of the files, relative to the configuration file's."},
        {"route", "index",
         texts<R>(MEMBER(index), R"(["index.html"])", "a list of file names, as [\"index.html\"]", is_file_name),
         "both", "For `static`: the files that answer for their folder, the first one that is there."},
        {"route", "deny", networks<R>(MEMBER(deny)), "both",
         "Clients from there are answered 403; the client is whom `proxies.trusted` say."},
        {"route", "allow", networks<R>(MEMBER(allow)), "both",
         "If it is not empty, clients from anywhere else are answered 403; `deny` goes first."},
    };
}
#undef MEMBER

/// Through the rows, so that a default is said once.
template <class Holder>
Holder with_defaults(std::span<const Option<Holder>> options) {
    Holder holder;
    for (const Option<Holder>& option : options) {
        if (option.rule.default_value.empty()) continue;
        const toml::value parsed = toml::parse_str("value = " + option.rule.default_value);
        if (!option.rule.set(holder, parsed.at("value"))) {
            throw std::logic_error("the default of " + option.key() + " breaks its own rule");
        }
    }
    return holder;
}

}  // namespace

std::span<const Option<Config>> config_options() {
    static const std::vector<Option<Config>> options = make_config_options();
    return options;
}

std::span<const Option<Listen>> listen_options() {
    static const std::vector<Option<Listen>> options = make_listen_options();
    return options;
}

std::span<const Option<Route>> route_options() {
    static const std::vector<Option<Route>> options = make_route_options();
    return options;
}

Config default_config() { return with_defaults(config_options()); }
Listen default_listen() { return with_defaults(listen_options()); }
Route default_route() { return with_defaults(route_options()); }

}  // namespace spindle::config
