// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/peer_address.hpp"

#include <cstring>

#include <arpa/inet.h>

namespace spindle::pipeline {

PeerAddress PeerAddress::of(int descriptor) noexcept {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    PeerAddress peer;
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return peer;
    peer.family_ = storage.ss_family;
    if (storage.ss_family == AF_INET) {
        std::memcpy(&peer.address_.s6_addr[12], &reinterpret_cast<const sockaddr_in&>(storage).sin_addr, 4);
    } else if (storage.ss_family == AF_INET6) {
        peer.address_ = reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(&peer.address_)) peer.family_ = AF_INET;
    }
    return peer;
}

std::string_view PeerAddress::text(PeerText& buffer) const noexcept {
    const char* made = nullptr;
    if (family_ == AF_UNIX) made = "unix";
    else if (family_ == AF_INET) made = ::inet_ntop(AF_INET, &address_.s6_addr[12], buffer.data(), buffer.size());
    else if (family_ == AF_INET6) made = ::inet_ntop(AF_INET6, &address_, buffer.data(), buffer.size());
    return made == nullptr ? "-" : made;
}

}  // namespace spindle::pipeline
