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
    std::uint64_t connections = 0;  ///< in the whole server
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
    std::string access_path = "stdout";  ///< "stdout", "stderr" or a file's path, resolved
    std::string error_path = "stderr";
    std::chrono::nanoseconds schedtrace{};  ///< 0: off
};

struct Route {
    std::string path;
    std::string handler;
    std::filesystem::path root;      ///< static: absolute, resolved against the config file's folder
    std::vector<std::string> index;  ///< static
    std::vector<Network> deny;       ///< clients from there are refused
    std::vector<Network> allow;      ///< if there are any, only clients from there are not
};

struct Config {
    Concurrency concurrency;
    std::vector<Listen> listen;
    Limits limits;
    Timeouts timeouts;
    Proxies proxies;
    Log log;
    std::vector<Route> routes;
    std::filesystem::path file;  ///< where it was read from; empty for none
};

}  // namespace spindle::config
