// SPDX-License-Identifier: Apache-2.0
//
// The client of loadtest/: what wrk cannot do. bench.py runs it.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>

#include "loadtest/probe/closed_loop.hpp"
#include "loadtest/probe/hold.hpp"
#include "loadtest/probe/measure.hpp"
#include "loadtest/probe/pipelined.hpp"

namespace {

constexpr const char* kUsage =
    "usage: spindle_probe measure [--host NAME] --port P [--rate N] [--connections N] [--seconds S] [--from ADDRESS]\n"
    "                     [--request METHOD PATH BODY_BYTES ...] [--log FILE] [--load PATH --load-connections N]\n"
    "                     [--load-begin S] [--load-end S]\n"
    "       spindle_probe hold [--host NAME] --port P [--port P ...] --connections N [--path PATH] [--from ADDRESS]\n"
    "                     [--addresses N] [--unanswered]\n"
    "       spindle_probe closed [--host NAME] --port P --connections N [--path PATH] [--seconds S]\n"
    "       spindle_probe pipelined [--host NAME] --port P --connections N [--path PATH] [--seconds S] [--depth N]\n"
    "measure: open-loop latency of requests in turn (GET /plaintext) beside a load, for a while\n"
    "hold: opens connections, asks once on each, keeps them until standard input ends\n"
    "closed: opens connections, waits for a byte on standard input, asks on each again and again\n"
    "pipelined: as closed, but many requests (16) leave together on each, the next when all of them are answered\n";

[[noreturn]] void usage() {
    std::fputs(kUsage, stderr);
    std::exit(2);
}

/// The words after the mode: "--name value" pairs, in order.
class Arguments {
  public:
    Arguments(int count, char** words) : at_(words), end_(words + count) {}
    bool next(std::string_view& name) {
        if (at_ == end_) return false;
        name = *at_++;
        return true;
    }
    const char* text() {
        if (at_ == end_) usage();
        return *at_++;
    }
    unsigned number() {
        const char* word = text();
        char* end = nullptr;
        const unsigned long value = std::strtoul(word, &end, 10);
        if (end == word || *end != '\0') usage();
        return static_cast<unsigned>(value);
    }
    std::uint16_t port() { return static_cast<std::uint16_t>(number()); }
    std::uint32_t address() {
        in_addr address{};
        if (::inet_aton(text(), &address) == 0) usage();
        return ntohl(address.s_addr);
    }
    std::string request() {
        const char* method = text();
        const char* path = text();
        return probe::request_for(path, method, number());
    }

  private:
    char** at_;
    char** end_;
};

void run_measure(Arguments arguments) {
    probe::MeasureOptions options;
    std::vector<std::string> requests;
    for (std::string_view name; arguments.next(name);) {
        if (name == "--port") options.port = arguments.port();
        else if (name == "--from") options.source = arguments.address();
        else if (name == "--rate") options.rate = std::max(1U, arguments.number());
        else if (name == "--connections") options.connections = std::max(1U, arguments.number());
        else if (name == "--seconds") options.duration = arguments.number() * probe::kSecond;
        else if (name == "--request") requests.push_back(arguments.request());
        else if (name == "--log") options.log_path = arguments.text();
        else if (name == "--load") options.load_path = arguments.text();
        else if (name == "--load-connections") options.load_connections = arguments.number();
        else if (name == "--load-begin") options.load_begin = arguments.number() * probe::kSecond;
        else if (name == "--load-end") options.load_end = arguments.number() * probe::kSecond;
        else usage();
    }
    if (options.port == 0 || options.load_path.empty() != (options.load_connections == 0)) usage();
    if (!requests.empty()) options.requests = std::move(requests);
    probe::measure(options);
}

/// False if it is none of these.
bool take(std::string_view name, Arguments& arguments, probe::ClosedLoopOptions& options) {
    if (name == "--port") options.port = arguments.port();
    else if (name == "--connections") options.connections = std::max(1U, arguments.number());
    else if (name == "--path") options.path = arguments.text();
    else if (name == "--seconds") options.duration = arguments.number() * probe::kSecond;
    else return false;
    return true;
}

void run_closed(Arguments arguments) {
    probe::ClosedLoopOptions options;
    for (std::string_view name; arguments.next(name);) {
        if (!take(name, arguments, options)) usage();
    }
    if (options.port == 0) usage();
    probe::closed_loop(options);
}

void run_pipelined(Arguments arguments) {
    probe::PipelinedOptions options;
    for (std::string_view name; arguments.next(name);) {
        if (name == "--depth") options.depth = std::max(1U, arguments.number());
        else if (!take(name, arguments, options.loop)) usage();
    }
    if (options.loop.port == 0) usage();
    probe::pipelined(options);
}

void run_hold(Arguments arguments) {
    probe::HoldOptions options;
    for (std::string_view name; arguments.next(name);) {
        if (name == "--port") options.ports.push_back(arguments.port());
        else if (name == "--from") options.source = arguments.address();
        else if (name == "--addresses") options.sources = std::max(1U, arguments.number());
        else if (name == "--connections") options.connections = arguments.number();
        else if (name == "--path") options.path = arguments.text();
        else if (name == "--unanswered") options.wait_for_answer = false;
        else usage();
    }
    if (options.ports.empty()) usage();
    probe::hold(options);
}

}  // namespace

int main(int count, char** words) {
    if (count < 2) usage();
    const std::string_view mode = words[1];
    int used = 2;
    if (count >= 4 && std::string_view(words[2]) == "--host") {
        probe::set_host(words[3]);
        used = 4;
    }
    const Arguments arguments(count - used, words + used);
    if (mode == "measure") run_measure(arguments);
    else if (mode == "hold") run_hold(arguments);
    else if (mode == "closed") run_closed(arguments);
    else if (mode == "pipelined") run_pipelined(arguments);
    else usage();
}
