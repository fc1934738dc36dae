// SPDX-License-Identifier: Apache-2.0
//
// One keep-alive connection, and as much of HTTP as measuring needs: a response is a status and
// Content-Length bytes; responses come in the order of the requests. Whatever else a server does ends the program, since then
// nothing that it measures means anything.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace probe {

/// Prints to standard error why, and exits with 1.
[[noreturn]] void fail(const char* what);

/// A whole GET, ready to be sent again and again.
[[nodiscard]] std::string request_for(std::string_view path);

class Client {
  public:
    Client() = default;
    ~Client();
    Client(Client&& other) noexcept;
    Client& operator=(Client&&) = delete;

    /// Connects to 127.0.0.1; `source` is an address in host order, 0 for whatever the kernel takes. The
    /// kernel finds the port only when it knows the destination, so that each source has all of them.
    void connect(std::uint16_t port, std::uint32_t source = 0);
    void set_non_blocking() const;

    /// The request must fit into an empty socket buffer.
    void send(std::string_view request) const;

    /// One read, which waits in blocking mode.
    void receive();
    /// Takes the next response out of what was received: its status, or 0 if it is not whole yet. Bodies may be longer
    /// than what is kept of them.
    [[nodiscard]] int next_response();

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  private:
    void drop(std::size_t bytes);

    int descriptor_ = -1;
    int status_ = 0;  ///< of the response whose head is there and whose body is not; else 0
    std::size_t body_bytes_left_ = 0;
    std::size_t length_ = 0;
    std::array<char, 1024> buffer_;
};

}  // namespace probe
