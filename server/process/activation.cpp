// SPDX-License-Identifier: Apache-2.0
#include "server/process/activation.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <ranges>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace spindle::process {
namespace {

constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
constexpr int kSocketsMax = 1024;

std::optional<std::string> take_variable(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr) return std::nullopt;
    std::string text = value;
    ::unsetenv(name);
    return text;
}

std::optional<int> number_in(const std::string& text) {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> words;
    for (const auto word : std::views::split(text, ':')) words.emplace_back(word.begin(), word.end());
    return words;
}

int option_of(int descriptor, int option) {
    int value = 0;
    socklen_t size = sizeof value;
    return ::getsockopt(descriptor, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

/// What keeps it from being served, or "".
std::string_view flaw_of(int descriptor) {
    if (option_of(descriptor, SO_TYPE) < 0) return "is no socket";
    const int domain = option_of(descriptor, SO_DOMAIN);
    if (option_of(descriptor, SO_TYPE) != SOCK_STREAM) return "is no stream socket (ListenStream= makes one)";
    if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX) return "is no TCP or unix socket";
    if (option_of(descriptor, SO_ACCEPTCONN) != 1) return "does not listen (its unit must say Accept=no)";
    return "";
}

}  // namespace

std::expected<Activation, std::string> Activation::take() {
    const auto pid = take_variable("LISTEN_PID");
    const auto count_text = take_variable("LISTEN_FDS");
    const auto names_text = take_variable("LISTEN_FDNAMES");
    Activation activation;
    if (!count_text || !pid) return activation;
    if (number_in(*pid) != ::getpid()) return activation;
    const auto count = number_in(*count_text);
    if (!count || *count < 0 || *count > kSocketsMax)
        return std::unexpected(fmt::format("LISTEN_FDS is \"{}\", no number of sockets", *count_text));
    const std::vector<std::string> names = split(names_text.value_or(""));
    for (int i = 0; i < *count; ++i) {
        const int descriptor = kFirst + i;
        const int flags = ::fcntl(descriptor, F_GETFD);
        if (flags < 0)
            return std::unexpected(fmt::format("LISTEN_FDS is {}, but descriptor {} is not open", *count, descriptor));
        ::fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC);
        const auto at = static_cast<std::size_t>(i);
        activation.sockets_.push_back({descriptor, at < names.size() ? names[at] : ""});
    }
    return activation;
}

std::expected<std::vector<int>, std::string> Activation::sockets_for(std::string_view address) {
    const std::size_t colon = address.find(':');
    const bool all = colon == address.npos;
    const std::string_view name = all ? "" : address.substr(colon + 1);
    std::vector<int> found;
    for (Socket& socket : sockets_) {
        if (!all && socket.name != name) continue;
        const auto fail = [&](std::string_view why) {
            return std::unexpected(fmt::format("cannot listen on {}: the socket \"{}\" (descriptor {}) {}", address,
                                               socket.name, socket.descriptor, why));
        };
        if (socket.taken) return fail("is another listener's already");
        if (const std::string_view flaw = flaw_of(socket.descriptor); !flaw.empty()) return fail(flaw);
        socket.taken = true;
        ::fcntl(socket.descriptor, F_SETFL, ::fcntl(socket.descriptor, F_GETFL) | O_NONBLOCK);
        found.push_back(socket.descriptor);
    }
    if (!found.empty()) return found;
    if (sockets_.empty()) {
        return std::unexpected(
            fmt::format("cannot listen on {}: no sockets were passed (LISTEN_FDS and LISTEN_PID are not set for this "
                        "process); start it by a systemd socket unit, or listen on an address",
                        address));
    }
    const auto names = sockets_ | std::views::transform(&Socket::name);
    return std::unexpected(fmt::format("cannot listen on {}: no socket of this name was passed; there are \"{}\"",
                                       address, fmt::join(names, "\", \"")));
}

std::vector<Activation::Socket> Activation::left() const {
    std::vector<Socket> left;
    std::ranges::copy_if(sockets_, std::back_inserter(left), [](const Socket& socket) { return !socket.taken; });
    return left;
}

}  // namespace spindle::process
