// SPDX-License-Identifier: Apache-2.0
#include "loadtest/probe/client.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace probe {
namespace {

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

std::size_t content_length(std::string_view head) {
    constexpr std::string_view kName = "\r\nContent-Length:";
    for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
        const std::string_view line = head.substr(at);
        if (!std::ranges::equal(line.substr(0, kName.size()), kName, {}, lower, lower)) continue;
        const std::string_view value = line.substr(line.find_first_not_of(' ', kName.size()));
        std::size_t length = 0;
        std::from_chars(value.data(), value.data() + value.size(), length);
        return length;
    }
    fail("a response has no Content-Length");
}

}  // namespace

void fail(const char* what) {
    std::fprintf(stderr, "probe: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

std::string request_for(std::string_view path) {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
}

Client::Client(Client&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      status_(other.status_),
      body_bytes_left_(other.body_bytes_left_),
      length_(other.length_),
      buffer_(other.buffer_) {}

Client::~Client() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

void Client::connect(std::uint16_t port, std::uint32_t source) {
    descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
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
    if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) fail("connect");
}

void Client::set_non_blocking() const {
    if (::fcntl(descriptor_, F_SETFL, O_NONBLOCK) != 0) fail("fcntl");
}

void Client::send(std::string_view request) const {
    if (::send(descriptor_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
        fail("send");
}

void Client::receive() {
    const ssize_t got = ::recv(descriptor_, buffer_.data() + length_, buffer_.size() - length_, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got < 0) fail("recv");
    if (got == 0) fail("the server closed a connection, or its head is too long");
    length_ += static_cast<std::size_t>(got);
}

int Client::next_response() {
    if (status_ == 0) {
        const std::string_view all(buffer_.data(), length_);
        const std::size_t head = all.find("\r\n\r\n");
        if (head == all.npos) return 0;
        constexpr std::size_t kStatusAt = std::string_view("HTTP/1.1 ").size();
        std::from_chars(all.data() + kStatusAt, all.data() + kStatusAt + 3, status_);
        body_bytes_left_ = content_length(all.substr(0, head));
        drop(head + 4);
    }
    const std::size_t there = std::min(length_, body_bytes_left_);
    body_bytes_left_ -= there;
    drop(there);
    return body_bytes_left_ == 0 ? std::exchange(status_, 0) : 0;
}

void Client::drop(std::size_t bytes) {
    length_ -= bytes;
    std::memmove(buffer_.data(), buffer_.data() + bytes, length_);
}

}  // namespace probe
