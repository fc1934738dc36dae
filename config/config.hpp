// SPDX-License-Identifier: Apache-2.0
//
// The configuration as the program uses it: plain data, every value checked and resolved (text units
// and "auto" exist only in the loader). Immutable once loaded.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/network.hpp"

namespace spindle::config {

enum class Backend { event_loop, fiber };
enum class LogLevel { trace, debug, info, warning, error, off };
enum class LogFormat { combined, json };

struct EventLoop {
    unsigned processes = 1;  ///< resolved from "auto"
    unsigned blocking_threads = 4;
    std::size_t blocking_queue = 1024;
    std::chrono::nanoseconds lag_warning{};
};

struct Fiber {
    unsigned processors = 1;       ///< resolved from "auto"
    unsigned threads_max = 512;    ///< machines, like Go's SetMaxThreads
    std::uint64_t stack_size = 0;  ///< bytes
    std::chrono::nanoseconds handoff_after{};
};

struct Concurrency {
    Backend backend = Backend::event_loop;
    EventLoop event_loop;
    Fiber fiber;
};

struct Listen {
    /// "127.0.0.1:8080", "[::]:8080", "unix:/run/spindle.sock", "systemd", "systemd:name"; port 0: any free
    std::string address;
    int backlog = 4096;
    std::optional<unsigned> mode;  ///< of a unix socket's file; else what the umask leaves
    bool dual_stack = false;       ///< IPv6 takes IPv4 connections too
    bool proxy_protocol = false;   ///< each connection begins with a PROXY header
};

struct Limits {
    std::uint64_t header_bytes = 0;  ///< request line and field lines together
    std::uint64_t header_count = 0;
    std::uint64_t target_bytes = 0;
    std::uint64_t body_bytes = 0;
    std::uint64_t body_rate = 0;    ///< of a request's body while it is waited for, bytes a second; 0: any
    std::uint64_t write_rate = 0;   ///< of what clients take while they are waited for, bytes a second; 0: any
    std::uint64_t connections = 0;  ///< in the whole server
    std::uint64_t connections_per_address = 0;  ///< of it; 0: any number
    std::uint64_t requests_per_connection = 0;
};

struct Timeouts {
    std::chrono::nanoseconds header{};
    std::chrono::nanoseconds body{};
    std::chrono::nanoseconds idle{};
    std::chrono::nanoseconds write{};
    std::chrono::nanoseconds handler{};
    std::chrono::nanoseconds half_closed{};
    std::chrono::nanoseconds drain{};
};

/// Of answers, while they are sent. Codings by their names: "br", "zstd", "gzip".
struct Compression {
    std::vector<std::string> encodings;  ///< the favourite first; empty: off
    std::uint64_t min_bytes = 0;
    std::vector<std::string> types;  ///< media types, without parameters
    std::uint64_t stream_bytes = 0;  ///< what encoders of streamed bodies may hold in a process
};

struct NamedText {
    std::string name;
    std::string value;
};
using Header = NamedText;

/// Of static files. The cache is each process's own.
struct Files {
    /// Debian's media-types brings it; not there on every machine, and no error then.
    static constexpr std::string_view kSystemTypes = "/etc/mime.types";

    std::uint64_t cache_bytes = 0;       ///< 0: none
    std::uint64_t cache_file_bytes = 0;  ///< the longest that is held
    std::chrono::nanoseconds cache_valid{};
    std::vector<NamedText> types;  ///< media types by extension, which is in lower case
    std::string types_table;       ///< of more: a file's path, resolved, or "none"
};

/// Which field of a request tells whom a proxy asks for.
enum class ForwardedField { x_forwarded_for, forwarded };

struct Proxies {
    std::vector<Network> trusted;  ///< what these say of a client is believed
    ForwardedField field = ForwardedField::x_forwarded_for;
};

struct Log {
    LogLevel level = LogLevel::info;
    LogFormat format = LogFormat::combined;  ///< of the access log
    bool access = true;
    bool request_id = false;
    std::string access_path = "stdout";  ///< "stdout", "stderr" or a file's path, resolved
    std::string error_path = "stderr";
    std::chrono::nanoseconds schedtrace{};  ///< 0: off
};

struct ErrorPage {
    std::uint16_t status = 0;
    std::filesystem::path file;  ///< absolute
};

/// What is done to responses, said for all, for a site, for a route. The nearer one wins where both say something of
/// the same header, status or option; all else is kept.
struct ResponseRules {
    std::vector<Header> set_headers{};
    std::vector<Header> add_headers{};
    std::vector<std::string> remove_headers{};
    std::optional<bool> security_headers{};
    std::string cache_control{};  ///< empty: not said
    std::vector<ErrorPage> error_pages{};
    std::vector<std::string> cors_origins{};
    std::vector<std::string> cors_methods{};
    std::vector<std::string> cors_headers{};
    std::vector<std::string> cors_expose_headers{};
    std::optional<bool> cors_credentials{};
    std::chrono::nanoseconds cors_max_age{};
};

struct Rate {
    std::uint64_t requests = 0;  ///< in each period; 0: not said
    std::chrono::nanoseconds period{};
    std::uint64_t burst = 0;  ///< 0: not said
};

/// Who may ask, said for a site or a route.
struct Access {
    std::filesystem::path auth_file;      ///< absolute; empty: not said
    std::string auth_realm;               ///< empty: not said
    std::optional<bool> auth;             ///< false: open, though there is a file
    std::optional<bool> https_only;       ///< http is led to https
    std::optional<bool> length_required;  ///< bodies must say how long they are
    Rate rate;                            ///< of each client
    std::vector<Network> deny;            ///< clients from there are refused
    std::vector<Network> allow;           ///< if there are any, only clients from there are not
};

/// Which symbolic links below a root are followed.
enum class Symlinks { none, within };

struct Route {
    std::string path;
    std::string handler;
    std::filesystem::path root;                ///< static: absolute, resolved against the config file's folder
    std::vector<std::string> index;            ///< static
    std::vector<std::string> precompressed{};  ///< static: content codings, the favourite first
    std::vector<std::string> try_files{};      ///< static: templates of paths below the root, with {path}
    bool autoindex = false;                    ///< static
    Symlinks symlinks = Symlinks::none;        ///< static
    std::string to;                            ///< redirect, rewrite: a template
    std::uint16_t status = 0;                  ///< redirect, respond; 0: the handler's usual one
    std::string body;                          ///< respond
    std::string content_type;                  ///< respond
    Access access;
    ResponseRules responses;
};

/// Routes for some host names; those outside of any site are for all other names.
struct Site {
    std::vector<std::string> hosts;  ///< "example.org", "*.example.org"; lower case, without a port
    Access access;
    ResponseRules responses;
    std::vector<Route> routes;
};

struct Config {
    Concurrency concurrency;
    std::vector<Listen> listen;
    Limits limits;
    Timeouts timeouts;
    Compression compression;
    Files files;
    Proxies proxies;
    Log log;
    ResponseRules responses;
    std::vector<Route> routes;
    std::vector<Site> sites;
    std::filesystem::path file;  ///< where it was read from; empty for none
};

}  // namespace spindle::config
