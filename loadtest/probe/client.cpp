// SPDX-License-Identifier: Apache-2.0
#include "loadtest/probe/client.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace probe {
namespace {

constexpr std::size_t kStatusAt = std::string_view("HTTP/1.1 ").size();
constexpr std::size_t kStatusEnd = kStatusAt + 3;

sockaddr_in address_of(std::uint32_t host, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(host);
    address.sin_port = htons(port);
    return address;
}

void set_option(int descriptor, int level, int name, int value) {
    ::setsockopt(descriptor, level, name, &value, sizeof value);
}

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

/// What stands in the first field of that name, which is "\r\nName:"; nothing if there is none.
std::optional<std::string_view> field(std::string_view head, std::string_view name) {
    for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
        const std::string_view line = head.substr(at, head.find("\r\n", at + 2) - at);
        if (!std::ranges::equal(line.substr(0, name.size()), name, {}, lower, lower)) continue;
        return line.substr(std::min(line.find_first_not_of(' ', name.size()), line.size()));
    }
    return std::nullopt;
}

bool says_close(std::string_view head) {
    const auto connection = field(head, "\r\nConnection:");
    return connection && std::ranges::equal(*connection, std::string_view("close"), {}, lower);
}

bool is_of_the_peer(int error) noexcept { return error == EPIPE || error == ECONNRESET; }

std::string host = "127.0.0.1";

std::size_t number(std::string_view text, int base) {
    std::size_t value = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), value, base).ec != std::errc{})
        fail("a length of a response is no number");
    return value;
}

}  // namespace

void fail(const char* what) {
    std::fprintf(stderr, "probe: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

void set_host(std::string name) { host = std::move(name); }

std::string request_for(std::string_view path, std::string_view method, std::size_t body_bytes) {
    std::string request = std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: " + host + "\r\n";
    if (method != "GET" || body_bytes != 0) request += "Content-Length: " + std::to_string(body_bytes) + "\r\n";
    return request + "\r\n" + std::string(body_bytes, 'x');
}

Client::Client(Client&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      port_(other.port_),
      source_(other.source_),
      is_non_blocking_(other.is_non_blocking_),
      is_answered_(other.is_answered_),
      closes_(other.closes_),
      is_over_(other.is_over_),
      unsent_(std::move(other.unsent_)),
      status_(other.status_),
      chunks_follow_(other.chunks_follow_),
      body_bytes_left_(other.body_bytes_left_),
      taken_bytes_(other.taken_bytes_),
      length_(other.length_),
      buffer_(other.buffer_) {}

Client::~Client() { close(); }

void Client::close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

void Client::connect(std::uint16_t port, std::uint32_t source) {
    port_ = port;
    source_ = source;
    descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (is_non_blocking_ ? SOCK_NONBLOCK : 0), 0);
    if (descriptor_ < 0) fail("socket");
    set_option(descriptor_, IPPROTO_TCP, TCP_NODELAY, 1);
    // Closing sends RST: nothing of this connection stays, in neither kernel table.
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (source != 0) {
        set_option(descriptor_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
        const sockaddr_in from = address_of(source, 0);
        if (::bind(descriptor_, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) fail("bind");
    }
    const sockaddr_in to = address_of(INADDR_LOOPBACK, port);
    const int failed = ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    if (failed != 0 && errno != EINPROGRESS) fail("connect");
}

void Client::set_non_blocking() {
    if (!is_over_ && ::fcntl(descriptor_, F_SETFL, O_NONBLOCK) != 0) fail("fcntl");
    is_non_blocking_ = true;
}

void Client::watch(int epoll, int operation, void* whose) const {
    epoll_event event{.events = EPOLLIN | (has_unsent() ? EPOLLOUT : 0U), .data = {.ptr = whose}};
    if (::epoll_ctl(epoll, operation, descriptor_, &event) != 0) fail("epoll_ctl");
}

void Client::reconnect() {
    close();
    unsent_.clear();
    length_ = 0;
    is_answered_ = closes_ = is_over_ = false;
    connect(port_, source_);
}

void Client::send(std::string_view request) {
    const bool waits = has_unsent();
    unsent_ += request;
    if (!waits) send_rest();
}

void Client::send_rest() {
    const ssize_t sent = ::send(descriptor_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (sent < 0 && is_of_the_peer(errno)) return unsent_.clear();
    if (sent < 0 && errno != EAGAIN && errno != EINTR) fail("send");
    unsent_.erase(0, static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
}

void Client::receive() {
    const ssize_t got = ::recv(descriptor_, buffer_.data() + length_, buffer_.size() - length_, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got < 0 && !is_of_the_peer(errno)) fail("recv");
    if (got <= 0) {
        if (status_ != 0 || length_ != 0)
            fail("the server closed a connection within a response, or its head is too long");
        if (!is_answered_) fail("the server closed a connection without a response");
        is_over_ = true;
        return;
    }
    length_ += static_cast<std::size_t>(got);
}

int Client::next_response() {
    if (status_ == 0 && !take_head()) return 0;
    while (true) {
        const std::size_t there = std::min(length_, body_bytes_left_);
        body_bytes_left_ -= there;
        drop(there);
        if (body_bytes_left_ != 0) return 0;
        if (!chunks_follow_) {
            is_answered_ = true;
            is_over_ = closes_;
            return std::exchange(status_, 0);
        }
        if (!take_chunk_head()) return 0;
    }
}

int Client::first_response() {
    while (true) {
        if (const int status = next_response(); status != 0) return status;
        receive();
    }
}

bool Client::take_head() {
    const std::string_view all(buffer_.data(), length_);
    const std::size_t end = all.find("\r\n\r\n");
    if (end == all.npos) return false;
    const std::string_view head = all.substr(0, end);
    if (head.size() < kStatusEnd) fail("what came is no response");
    status_ = static_cast<int>(number(head.substr(kStatusAt, kStatusEnd - kStatusAt), 10));
    closes_ = says_close(head);
    chunks_follow_ = field(head, "\r\nTransfer-Encoding:") == "chunked";
    const auto length = field(head, "\r\nContent-Length:");
    const bool bodiless = status_ == 204 || status_ == 304;  // RFC 9110 section 6.4.1
    if (!chunks_follow_ && !length && !bodiless) fail("a response has neither Content-Length nor chunks");
    body_bytes_left_ = chunks_follow_ || bodiless ? 0 : number(*length, 10);
    drop(end + 4);
    return true;
}

/// The last one is empty: a line end is all that follows.
bool Client::take_chunk_head() {
    const std::string_view all(buffer_.data(), length_);
    const std::size_t end = all.find("\r\n");
    if (end == all.npos) return false;
    const std::size_t size = number(all.substr(0, end), 16);
    chunks_follow_ = size != 0;
    body_bytes_left_ = size + 2;
    drop(end + 2);
    return true;
}

void Client::drop(std::size_t bytes) {
    taken_bytes_ += bytes;
    length_ -= bytes;
    std::memmove(buffer_.data(), buffer_.data() + bytes, length_);
}

}  // namespace probe
