// SPDX-License-Identifier: Apache-2.0
//
// What comes before a connection's first request: whether its peer may connect, a PROXY header, whether its client has
// too many connections already. Part of connection.cpp; included there only.
#pragma once

#include <string>
#include <string_view>

#include <spdlog/spdlog.h>

#include "server/http/proxy_header.hpp"
#include "server/pipeline/connection.hpp"
#include "server/pipeline/server.hpp"

namespace spindle::pipeline {

template <class Stream>
Connection<Stream>::Connection(Server& server, runtime::Accepted accepted)
    : server_(server),
      stream_(accepted.descriptor),
      peer_(PeerAddress::asked_later(accepted.descriptor)),
      proxy_header_awaited_(server.expects_proxy_header(accepted.listener)) {
    if (server.access_log().enabled()) peer_.settle();  // by then the client may be gone
}

template <class Stream>
typename Connection<Stream>::Next Connection<Stream>::begin() {
    if (!proxy_header_awaited_) [[likely]]
        return enter();
    peer_.settle();
    if (peer_.is_in(server_.config().proxies.trusted)) return Next::go_on;
    count(Reason::proxy_untrusted);
    PeerText text;
    spdlog::debug("connection from {} closed: it is not in proxies.trusted", peer_.text(text));
    return Next::close;
}

/// As soon as it is clear who the client is. Proxies are not counted: they come for others.
template <class Stream>
typename Connection<Stream>::Next Connection<Stream>::enter() {
    if (!server_.counts_addresses()) [[likely]]
        return Next::go_on;
    peer_.settle();
    if (!peer_.is_remote() || peer_.is_in(server_.config().proxies.trusted)) return Next::go_on;
    address_counted_ = server_.enter(peer_);
    if (address_counted_) return Next::go_on;
    if (exchange_ == nullptr) exchange_ = server_.worker_state().take_exchange();
    begin_request();
    // Told, if the kernel takes it, but not waited for: who has too many connections gets no time of another one.
    [[maybe_unused]] const Next lingering = refuse(Reason::address_full, 503);
    [[maybe_unused]] const bool told = flush_now();
    return Next::close;
}

/// What has come so far stands in exchange.input, and is parsed anew with each receive: it is short.
template <class Stream>
typename Connection<Stream>::Next Connection<Stream>::take_proxy_header(std::string_view bytes) {
    if (exchange_ == nullptr) {
        exchange_ = server_.worker_state().take_exchange();
        exchange_->started = now();
    }
    std::string& input = exchange_->input;
    input.append(bytes);
    const auto header = http::parse_proxy_header(input);
    if (!header) {
        if (header.error() == http::ProxyHeaderFault::incomplete) return Next::go_on;
        return refuse_proxy_header(Reason::proxy_header_malformed, "malformed");
    }
    proxy_header_awaited_ = false;
    if (header->source != http::ProxyHeader::Source::connection) peer_ = PeerAddress::of(*header);
    input.erase(0, header->bytes);
    if (enter() == Next::close) return Next::close;
    if (input.empty()) return Next::go_on;
    begin_request();
    return take({});
}

template <class Stream>
typename Connection<Stream>::Next Connection<Stream>::refuse_proxy_header(Reason reason,
                                                                          std::string_view why) noexcept {
    count(reason);
    PeerText text;
    spdlog::debug("connection from {} closed: its PROXY header is {}", peer_.text(text), why);
    return Next::close;
}

}  // namespace spindle::pipeline
