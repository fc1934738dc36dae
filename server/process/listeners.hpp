// SPDX-License-Identifier: Apache-2.0
//
// The sockets that accept connections, opened before any worker, so that a mistake is found before anything
// runs and a worker that dies loses no connection that waits in its queue.
//
// Several event loops share a TCP address by SO_REUSEPORT, a socket each: the kernel spreads connections without
// a common lock, and multishot accept does not favour one loop. Everyone else shares one socket, and so do event
// loops a socket that was inherited.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "server/process/activation.hpp"

namespace spindle::process {

class Listeners {
  public:
    /// Once, before any thread: takes the sockets that were passed out of the environment, and sets the umask for a
    /// moment. `loops`: sockets for each TCP address; 0: one socket, without SO_REUSEPORT, shared by all processors.
    /// The error is one line with address and cause.
    [[nodiscard]] static std::expected<Listeners, std::string> open(std::span<const config::Listen> listen,
                                                                    unsigned loops);

    Listeners(Listeners&& other) noexcept;
    Listeners& operator=(Listeners&&) = delete;
    /// Closes all; in the process that opened them, removes the files of unix sockets, but for inherited ones. So does
    /// std::quick_exit.
    ~Listeners();

    /// The sockets of a worker. Owned by this; non-blocking, listening.
    [[nodiscard]] std::span<const int> of(unsigned worker) const { return workers_[workers_.size() == 1 ? 0 : worker]; }

    /// For each socket of a worker, which one of the configuration's it stands for.
    [[nodiscard]] std::span<const std::size_t> configured() const noexcept { return configured_; }

    /// "http://127.0.0.1:8080" (with the port that the system chose for 0), "unix:/run/spindle.sock".
    [[nodiscard]] std::span<const std::string> urls() const noexcept { return urls_; }

  private:
    explicit Listeners(std::size_t workers);
    std::expected<void, std::string> open_unix(const config::Listen& listen);
    std::expected<void, std::string> open_tcp(const config::Listen& listen, bool reuse_port);
    std::expected<void, std::string> inherit(const config::Listen& listen, Activation& activation);
    void share(int descriptor, std::string url);

    std::vector<std::vector<int>> workers_;
    std::vector<int> descriptors_;  // all of them, each once
    std::vector<std::size_t> configured_;
    std::vector<std::string> urls_;
};

}  // namespace spindle::process
