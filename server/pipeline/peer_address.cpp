// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/peer_address.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

namespace spindle::pipeline {

std::string_view peer_address(int descriptor, PeerText& text) noexcept {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return "-";
    if (storage.ss_family == AF_UNIX) return "unix";
    const char* made = nullptr;
    if (storage.ss_family == AF_INET) {
        made = ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(storage).sin_addr, text.data(), text.size());
    } else if (storage.ss_family == AF_INET6) {
        const in6_addr& address = reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr;
        made = IN6_IS_ADDR_V4MAPPED(&address) ? ::inet_ntop(AF_INET, &address.s6_addr[12], text.data(), text.size())
                                              : ::inet_ntop(AF_INET6, &address, text.data(), text.size());
    }
    return made == nullptr ? "-" : made;
}

}  // namespace spindle::pipeline
