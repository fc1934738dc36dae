// SPDX-License-Identifier: Apache-2.0
//
// Sockets that systemd, or whoever speaks its protocol, has opened for this process (sd_listen_fds(3)): a restart
// loses no connection, ports below 1024 need no right. They are systemd's: neither their options nor their files
// are touched.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace spindle::process {

class Activation {
  public:
    /// Takes what the environment says was passed, and says it no more: a child must not think that it was meant. The
    /// descriptors are the caller's from here on. Before any thread. Nothing at all without LISTEN_FDS, or where
    /// LISTEN_PID names another process; the error is one line.
    [[nodiscard]] static std::expected<Activation, std::string> take();

    struct Socket {
        int descriptor;
        std::string name;  ///< FileDescriptorName=, which is the unit's name by default
        bool taken = false;
    };

    /// Those for "systemd" (all) or "systemd:name", non-blocking, closed on exec. The error is one line: there is none,
    /// it is there already, or it is no socket that listens for streams.
    [[nodiscard]] std::expected<std::vector<int>, std::string> sockets_for(std::string_view address);

    /// What no listener has asked for.
    [[nodiscard]] std::vector<Socket> left() const;

  private:
    std::vector<Socket> sockets_;
};

}  // namespace spindle::process
