// SPDX-License-Identifier: Apache-2.0
//
// One keep-alive connection, and as much of HTTP as measuring needs: a response is a status and Content-Length bytes, or
// chunks without trailers; responses come in the order of the requests. A server may close a connection on which it has
// answered: is_over() says so, and whoever uses it opens another one and asks again what was not answered, whatever the
// method. Whatever else a server does ends the program, since then nothing that it measures means anything.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace probe {

/// Prints to standard error why, and exits with 1.
[[noreturn]] void fail(const char* what);

/// The Host of all requests that are made from now on.
void set_host(std::string name);

/// A whole request, ready to be sent again and again.
[[nodiscard]] std::string request_for(std::string_view path, std::string_view method = "GET",
                                      std::size_t body_bytes = 0);

class Client {
  public:
    Client() = default;
    ~Client();
    Client(Client&& other) noexcept;
    Client& operator=(Client&&) = delete;

    /// Connects to 127.0.0.1; `source` is an address in host order, 0 for whatever the kernel takes. The
    /// kernel finds the port only when it knows the destination, so that each source has all of them.
    void connect(std::uint16_t port, std::uint32_t source = 0);
    void set_non_blocking();
    /// Registers with epoll what it waits for; again when has_unsent() has changed.
    void watch(int epoll, int operation, void* whose) const;

    /// The server has closed it, or said that it will: nothing more is answered here.
    [[nodiscard]] bool is_over() const noexcept { return is_over_; }
    /// Another connection in the place of one that is over. In non-blocking mode it may be under way when this returns, and
    /// what is sent meanwhile is kept.
    void reconnect();
    /// Of one that is over: epoll forgets it too.
    void close();

    /// In non-blocking mode what the socket does not take is kept, behind what was kept before: whoever sees
    /// has_unsent() calls send_rest() when the socket can be written to. What one that the server has closed does not
    /// take is dropped; receive() finds the end.
    void send(std::string_view request);
    void send_rest();
    [[nodiscard]] bool has_unsent() const noexcept { return !unsent_.empty(); }

    /// One read, which waits in blocking mode.
    void receive();
    /// Takes the next response out of what was received: its status, or 0 if it is not whole yet. Bodies may be longer
    /// than what is kept of them.
    [[nodiscard]] int next_response();
    /// In blocking mode, of a new connection: waits until the response is there.
    [[nodiscard]] int first_response();
    /// Of all responses so far, with their heads.
    [[nodiscard]] std::size_t taken_bytes() const noexcept { return taken_bytes_; }

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  private:
    [[nodiscard]] bool take_head();
    [[nodiscard]] bool take_chunk_head();
    void drop(std::size_t bytes);

    int descriptor_ = -1;
    std::uint16_t port_ = 0;
    std::uint32_t source_ = 0;
    bool is_non_blocking_ = false;
    bool is_answered_ = false;  ///< at least once
    bool closes_ = false;       ///< the server, after the response whose head came last
    bool is_over_ = false;
    std::string unsent_;
    int status_ = 0;                   ///< of the response whose head is there and whose body is not; else 0
    bool chunks_follow_ = false;       ///< after what is left of this one
    std::size_t body_bytes_left_ = 0;  ///< of the body, or of a chunk with its line end
    std::size_t taken_bytes_ = 0;
    std::size_t length_ = 0;
    std::array<char, 1024> buffer_;
};

}  // namespace probe
