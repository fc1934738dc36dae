// SPDX-License-Identifier: Apache-2.0
#include "config/options.hpp"

#include <stdexcept>

#include <toml11/parser.hpp>

#include "config/rules.hpp"

namespace spindle::config {
namespace {

/// What is text, or packs its content no better than text.
constexpr std::string_view kCompressedTypes =
    R"(["text/html", "text/css", "text/plain", "text/javascript", "text/markdown", "text/csv", "text/xml", )"
    R"("application/json", "application/javascript", "application/xml", "application/xhtml+xml", )"
    R"("text/event-stream", "application/manifest+json", "application/ld+json", "application/geo+json", )"
    R"("application/rss+xml", "application/atom+xml", "application/wasm", "image/svg+xml"])";

constexpr std::uint64_t operator""_KiB(unsigned long long number) { return number << 10; }
constexpr std::uint64_t operator""_MiB(unsigned long long number) { return number << 20; }
constexpr std::uint64_t operator""_GiB(unsigned long long number) { return number << 30; }

// The member of an option, for both a const and a mutable holder.
#define MEMBER(path) ([](auto& holder) -> auto& { return holder.path; })

/// The same at every level; `responses` finds them in the holder.
template <class Holder, class Responses>
void add_response_options(std::vector<Option<Holder>>& options, std::string_view section, Responses responses) {
#define RULE(name) ([=](auto& holder) -> auto& { return responses(holder).name; })
    const auto add = [&](std::string_view name, Rule<Holder> rule, std::string_view meaning) {
        options.push_back({section, name, std::move(rule), "both", meaning});
    };
    add("set_headers", headers<Holder>(RULE(set_headers)),
        "Response headers to set, in place of what the handler says (Vary: beside it). Routes keep what their site "
        "sets, sites what [responses] sets, unless they set the same name.");
    add("add_headers", headers<Holder>(RULE(add_headers)), "Response headers to add, beside others of the same name.");
    add("remove_headers",
        texts<Holder>(RULE(remove_headers), "",
                      "a list of header names, as [\"X-Powered-By\"], none of them Date, Server or about framing",
                      is_token),
        "Response headers of the handler to leave out.");
    add("security_headers", inherited_flag<Holder>(RULE(security_headers)),
        "Adds X-Content-Type-Options, X-Frame-Options, Referrer-Policy and Cross-Origin-Opener-Policy, each unless it "
        "is set otherwise.");
    add("cache_control",
        text<Holder>(RULE(cache_control), "", "a value of Cache-Control, as \"max-age=3600\"", is_field_value),
        "Cache-Control of successful responses (200, 206, 304) whose handler does not say it.");
    add("error_pages", pages<Holder>(RULE(error_pages)),
        "Files, read at start-up, that are sent in place of the text of responses with these statuses; of types as "
        "`files.types` has them.");
    add("cors_origins",
        texts<Holder>(RULE(cors_origins), "", "a list of origins, as [\"https://example.org\"], or [\"*\"]", is_origin),
        "Whose pages may read the responses (CORS); empty is nobody's.");
    add("cors_methods", texts<Holder>(RULE(cors_methods), "", "a list of methods, as [\"GET\", \"PUT\"]", is_token),
        "What such pages may send; without it, what the route answers.");
    add("cors_headers", texts<Holder>(RULE(cors_headers), "", "a list of header names", is_token),
        "Request headers that such pages may set.");
    add("cors_expose_headers", texts<Holder>(RULE(cors_expose_headers), "", "a list of header names", is_token),
        "Response headers that such pages may read, beside those that any may (Cache-Control, Content-Language, "
        "Content-Length, Content-Type, Expires, Last-Modified, Pragma); * is all, without credentials.");
    add("cors_credentials", inherited_flag<Holder>(RULE(cors_credentials)),
        "Whether such pages may send cookies and the like; not with the origin *.");
    Rule<Holder> max_age =
        duration<Holder>(RULE(cors_max_age), std::chrono::seconds(0), std::chrono::seconds(0), std::chrono::hours(24));
    max_age.default_value = "";
    max_age.get = [=](const Holder& holder) {
        const auto age = responses(holder).cors_max_age;
        return age.count() == 0 ? std::string() : toml_text(format_duration(age));
    };
    add("cors_max_age", std::move(max_age),
        "How long a browser may keep the answer to what it asks before; in whole seconds.");
#undef RULE
}

/// Of sites and routes.
template <class Holder>
void add_access_options(std::vector<Option<Holder>>& options, std::string_view section) {
    options.push_back(
        {section, "auth_file", text<Holder>(MEMBER(access.auth_file), "", "the path of a file", is_clean), "both",
         "Users and their passwords, as htpasswd -B writes them; whoever is none of them is answered 401. "
         "Read at start-up."});
    options.push_back(
        {section, "auth_realm", text<Holder>(MEMBER(access.auth_realm), "", "a text of one line", is_field_value),
         "both", "What the browser shows when it asks for a password; without it the site's, else `restricted`."});
    options.push_back({section, "auth", inherited_flag<Holder>(MEMBER(access.auth)), "both",
                       "false: open to all, though the site has an auth_file."});
    options.push_back(
        {section, "https_only", inherited_flag<Holder>(MEMBER(access.https_only)), "both",
         "What came to a trusted proxy by http is answered 308 to https, and 403 if no trusted proxy says how it "
         "came. The proxies must pass the client's scheme on: as X-Forwarded-Proto, or as proto of "
         "Forwarded; caches are told that it matters (Vary). false: a route of such a site answers http too."});
    options.push_back({section, "length_required", inherited_flag<Holder>(MEMBER(access.length_required)), "both",
                       "Bodies must say before how long they are: chunked ones, and POST, PUT and PATCH without a "
                       "Content-Length, are answered 411."});
    options.push_back({section, "rate_limit", rate<Holder>(MEMBER(access.rate)), "both",
                       "How often each client may ask, over all processes; more is answered 429. A client is an IPv4 "
                       "address or a /64 of IPv6; a route's limit goes instead of its site's."});
    Rule<Holder> burst = count<Holder>(MEMBER(access.rate.burst), 1, 1, 1'000'000);
    burst.default_value = "";
    burst.get = [](const Holder& holder) {
        return holder.access.rate.burst == 0 ? std::string() : std::to_string(holder.access.rate.burst);
    };
    options.push_back({section, "rate_burst", std::move(burst), "both",
                       "How many of them at once; without it as many as the rate has in a second, at least 10."});
    options.push_back({section, "deny", networks<Holder>(MEMBER(access.deny)), "both",
                       "Clients from there are answered 403, those of the site's list too; the client is whom "
                       "`proxies.trusted` say."});
    options.push_back({section, "allow", networks<Holder>(MEMBER(access.allow)), "both",
                       "If it is not empty, clients from anywhere else are answered 403; a route's goes instead of its "
                       "site's. `deny` goes first."});
}

std::vector<Option<Config>> make_config_options() {
    using C = Config;
    std::vector<Option<Config>> options = {
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
        {"limits", "body_rate", size<C>(MEMBER(limits.body_rate), 64, 0, 1_GiB), "both",
         "Bytes in a second that a client has to send of a request's body while it is waited for; whoever falls behind "
         "by timeouts.body is answered 408. 0 is any rate."},
        {"limits", "write_rate", size<C>(MEMBER(limits.write_rate), 64, 0, 1_GiB), "both",
         "Bytes in a second that a client has to take of a response while it is waited for; whoever falls behind by "
         "timeouts.write is cut off. 0 is any rate."},
        {"limits", "connections", count<C>(MEMBER(limits.connections), 16384, 1, 10'000'000), "both",
         "Open connections of the whole server; beyond it new ones wait in the kernel's queue."},
        {"limits", "connections_per_address", count<C>(MEMBER(limits.connections_per_address), 0, 0, 10'000'000),
         "both",
         "Open connections of each client to the whole server; more are closed, with a 503 that is not waited for. A "
         "client is an IPv4 address "
         "or a /64 of IPv6, behind a PROXY header the one that it names; unix sockets are not counted. 0 is any "
         "number."},
        {"limits", "requests_per_connection", count<C>(MEMBER(limits.requests_per_connection), 0, 0, 1'000'000'000'000),
         "both", "A connection is closed after that many requests; 0 is no limit."},
        {"timeouts", "header", duration<C>(MEMBER(timeouts.header), 15s, 10ms, 24h), "both",
         "From the first byte of a request to the end of its header; then 408."},
        {"timeouts", "body", duration<C>(MEMBER(timeouts.body), 30s, 10ms, 24h), "both",
         "Between two reads of a request's body; then 408. See limits.body_rate."},
        {"timeouts", "idle", duration<C>(MEMBER(timeouts.idle), 75s, 10ms, 24h), "both",
         "A connection without a request is closed after it."},
        {"timeouts", "write", duration<C>(MEMBER(timeouts.write), 60s, 10ms, 24h), "both",
         "A client that takes no byte of a response for that long is cut off. See limits.write_rate."},
        {"timeouts", "handler", duration<C>(MEMBER(timeouts.handler), 0ns, 0ns, 24h), "both",
         "A handler's waits end that long after its begin, and further ones at once; 0s is no limit."},
        {"timeouts", "half_closed", duration<C>(MEMBER(timeouts.half_closed), 5s, 0ns, 24h), "both",
         "A client that has sent FIN and does not receive may be gone: a handler that waits is cancelled after it; 0s "
         "is never."},
        {"timeouts", "drain", duration<C>(MEMBER(timeouts.drain), 30s, 0ns, 24h), "both",
         "On a stop signal, the server ends within it; what is left 1s before (or at half of it) is cancelled."},
        {"compression", "encodings", choices<C>(MEMBER(compression.encodings), {"br", "zstd", "gzip"}), "both",
         "Content codings in which bodies are sent to clients that accept them, the favourite first; none is off."},
        {"compression", "min_bytes", size<C>(MEMBER(compression.min_bytes), 1_KiB, 0, 1_GiB), "both",
         "Shorter bodies are sent as they are, unless a handler makes them while they are sent."},
        {"compression", "types",
         texts<C>(MEMBER(compression.types), kCompressedTypes,
                  "a list of media types in lower case, without parameters, as [\"text/html\"]", is_media_type),
         "both", "Media types whose bodies are compressed."},
        {"compression", "stream_bytes", size<C>(MEMBER(compression.stream_bytes), 64_MiB, 0, 1024_GiB), "both",
         "Memory of each process for bodies that a handler makes while they are sent: 72 KiB for each one in gzip, 280 "
         "in zstd, 592 in br. Where it is used up, they are sent as they are."},
        {"files", "cache_bytes", size<C>(MEMBER(files.cache_bytes), 64_MiB, 0, 1024_GiB), "both",
         "Memory of each process for static files, the most recently used ones; 0 is none."},
        {"files", "cache_file_bytes", size<C>(MEMBER(files.cache_file_bytes), 256_KiB, 0, 16_MiB), "both",
         "Longer files are not held in memory, but read while they are sent."},
        {"files", "cache_valid", duration<C>(MEMBER(files.cache_valid), 1s, 0ns, 24h), "both",
         "How long what was found at a path is believed: a change of the file shows after it at the latest."},
        {"files", "types",
         named_texts<C>(MEMBER(files.types), "{}",
                        "a table of media types by extension, as { foo = \"text/x-foo; charset=utf-8\" }", is_extension,
                        is_content_type),
         "both", "Media types of files, by what follows the last dot of their names; these go before all others."},
        {"files", "types_table",
         text<C>(MEMBER(files.types_table), Files::kSystemTypes, "a file as /etc/mime.types is, or `none`", is_clean),
         "both", "Where the media types of extensions are that Spindle does not know itself."},
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
        {"log", "request_id", flag<C>(MEMBER(log.request_id), false), "both",
         "Whether each response has an X-Request-ID, which the access log has too, as JSON: what a trusted proxy gave "
         "its request (letters, digits and -_.:+/=, at most 128), else one of the server's."},
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
    add_response_options<C>(options, "responses", MEMBER(responses));
    return options;
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
    std::vector<Option<R>> options = {
        {"route", "path",
         text<R>(MEMBER(path), "",
                 "a path that begins with /, with whole segments as {name} for parameters, {name...} last",
                 is_route_path),
         "both",
         "What is served here: a path that ends in / is its whole subtree, any other only itself; {name} stands for "
         "any one segment, {name...} for all that is left. An exact path wins, then the longest fixed beginning."},
        {"route", "handler", text<R>(MEMBER(handler), "", "the name of a handler", is_clean), "both", "What answers."},
        {"route", "root", text<R>(MEMBER(root), "", "the path of a folder", is_clean), "both",
         "For `static`: the folder of the files, relative to the configuration file's."},
        {"route", "index",
         texts<R>(MEMBER(index), R"(["index.html"])", "a list of file names, as [\"index.html\"]", is_file_name),
         "both", "For `static`: the files that answer for their folder, the first one that is there."},
        {"route", "try_files",
         texts<R>(MEMBER(try_files), "", "a list of paths below the root, as [\"{path}.html\", \"index.html\"]",
                  is_tried_path),
         "both",
         "For `static`: what is sent in place of a file that is not there, the first one that is; {path} stands for "
         "what was asked for. [\"index.html\"] serves an application of one page."},
        {"route", "autoindex", shown_if_changed(flag<R>(MEMBER(autoindex), false)), "both",
         "For `static`: whether a folder without index file shows its entries, as a page or as JSON."},
        {"route", "symlinks", shown_if_changed(choice<R>(MEMBER(symlinks), 0, {"none", "within"})), "both",
         "For `static`: which symbolic links are followed. `none`: none, as if they were not there; `within`: those "
         "that stay below the root. The root itself may be one."},
        {"route", "to",
         text<R>(MEMBER(to), "",
                 "a target, as \"https://example.org/users/{id}\"; {host}, {path}, {query} and {uri} "
                 "stand for the request's, in redirects {scheme} too",
                 is_template),
         "both",
         "For `redirect` and `rewrite`: where to; the path's parameters are filled in, encoded. {scheme} is https "
         "if a trusted proxy says so, else http; caches are told that it matters (Vary)."},
        {"route", "status", status<R>(MEMBER(status)), "both",
         "For `redirect` (301, 302, 303, 307 or 308; without it 308) and `respond` (without it 200)."},
        {"route", "body", text<R>(MEMBER(body), "", "a text", is_clean), "both", "For `respond`: what is sent."},
        {"route", "content_type", text<R>(MEMBER(content_type), "", "a MIME type, as \"text/html\"", is_field_value),
         "both", "For `respond`: its type; without it text/plain in UTF-8."},
        {"route", "precompressed", choices<R>(MEMBER(precompressed), {"br", "zstd", "gzip"}), "both",
         "For `static`: codings in which a file may lie beside itself, as name.br, name.zst or name.gz, no older than "
         "it; the favourite first. Each costs an open."},
    };
    add_access_options<R>(options, "route");
    add_response_options<R>(options, "route", MEMBER(responses));
    return options;
}

std::vector<Option<Site>> make_site_options() {
    using S = Site;
    std::vector<Option<S>> options = {
        {"site", "hosts",
         texts<S>(MEMBER(hosts), "",
                  "a list of host names in lower case and without port, as [\"example.org\", \"*.example.org\"]",
                  is_host),
         "both",
         "The host names that the [[site.route]]s below it are for; an exact name wins over the longest wildcard. "
         "Other hosts get the routes outside of sites, and 421 if there are none."},
    };
    add_access_options<S>(options, "site");
    add_response_options<S>(options, "site", MEMBER(responses));
    return options;
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

std::span<const Option<Site>> site_options() {
    static const std::vector<Option<Site>> options = make_site_options();
    return options;
}

Config default_config() { return with_defaults(config_options()); }
Listen default_listen() { return with_defaults(listen_options()); }
Route default_route() { return with_defaults(route_options()); }
Site default_site() { return with_defaults(site_options()); }

}  // namespace spindle::config
