// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/peer_address.hpp"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>

namespace spindle::pipeline {

PeerAddress::PeerAddress(sa_family_t family, const void* bytes, std::size_t count) noexcept : family_(family) {
    if (count > 0) std::memcpy(bytes_.data() + (bytes_.size() - count), bytes, count);
    constexpr config::AddressBytes kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (family != AF_INET6 || std::memcmp(bytes_.data(), kMapped.data(), 12) != 0) return;
    family_ = AF_INET;
    std::fill_n(bytes_.begin(), 12, std::uint8_t{0});
}

PeerAddress PeerAddress::of(int descriptor) noexcept {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
    if (storage.ss_family == AF_INET) return {AF_INET, &reinterpret_cast<const sockaddr_in&>(storage).sin_addr, 4};
    if (storage.ss_family == AF_INET6) return {AF_INET6, &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr, 16};
    return {storage.ss_family, nullptr, 0};
}

PeerAddress PeerAddress::asked_later(int descriptor) noexcept {
    PeerAddress peer;
    peer.family_ = kAskedLater;
    std::memcpy(peer.bytes_.data(), &descriptor, sizeof descriptor);
    return peer;
}

void PeerAddress::settle() noexcept {
    if (family_ != kAskedLater) return;
    int descriptor = -1;
    std::memcpy(&descriptor, bytes_.data(), sizeof descriptor);
    *this = of(descriptor);
}

PeerAddress PeerAddress::of(const http::ProxyHeader& header) noexcept {
    using enum http::ProxyHeader::Source;
    switch (header.source) {
        case ipv4: return {AF_INET, &header.address[12], 4};
        case ipv6: return {AF_INET6, header.address.data(), 16};
        case unix_socket: return {AF_UNIX, nullptr, 0};
        case connection: break;
    }
    return {};
}

std::optional<PeerAddress> PeerAddress::parse(std::string_view text) noexcept {
    PeerText terminated{};
    if (text.size() >= terminated.size() || text.find('\0') != text.npos) return std::nullopt;
    text.copy(terminated.data(), text.size());
    config::AddressBytes bytes{};
    if (::inet_pton(AF_INET, terminated.data(), bytes.data()) == 1) return PeerAddress(AF_INET, bytes.data(), 4);
    if (::inet_pton(AF_INET6, terminated.data(), bytes.data()) == 1) return PeerAddress(AF_INET6, bytes.data(), 16);
    return std::nullopt;
}

std::string_view PeerAddress::text(PeerText& buffer) const noexcept {
    const char* made = nullptr;
    if (family_ == AF_UNIX) made = "unix";
    else if (family_ == AF_INET) made = ::inet_ntop(AF_INET, &bytes_[12], buffer.data(), buffer.size());
    else if (family_ == AF_INET6) made = ::inet_ntop(AF_INET6, bytes_.data(), buffer.data(), buffer.size());
    return made == nullptr ? "-" : made;
}

}  // namespace spindle::pipeline
