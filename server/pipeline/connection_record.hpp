// SPDX-License-Identifier: Apache-2.0
//
// What a connection tells of itself: why it refused or ended, who left, and the access log's lines. Part of
// connection.cpp; included there only.
#pragma once

#include <cstdint>

#include "runtime/cycle_clock.hpp"
#include "runtime/io.hpp"
#include "runtime/scope.hpp"
#include "server/pipeline/connection.hpp"
#include "server/pipeline/server.hpp"

namespace spindle::pipeline {

/// In the access log only; nginx's number for it.
inline constexpr std::uint16_t kClientClosedRequest = 499;

/// Also what user code brought about: a writer of a streamed body is called by it.
template <class Stream>
void Connection<Stream>::count(Reason reason) const noexcept {
    const runtime::RuntimeScope in_runtime;
    server_.worker_state().counters.count(reason);
}

/// If it is one.
template <class Stream>
void Connection<Stream>::count_refusal(const Response& made) const noexcept {
    if (made.status < 400) return;
    if (const auto reason = reason_of(made)) count(*reason);
}

/// `status` is what was answered, `body_bytes` what was sent of the body.
template <class Stream>
void Connection<Stream>::log(std::uint16_t status, std::uint64_t body_bytes) noexcept {
    if (!server_.access_log().enabled()) return;
    server_.log_request(*exchange_, peer_, stages_, receiver_ == Peer::gone ? kClientClosedRequest : status,
                        body_bytes);
}

template <class Stream>
void Connection<Stream>::log_client_gone() noexcept {
    lost({ECONNRESET});
    log(kClientClosedRequest, 0);
}

/// Microseconds since the request began.
template <class Stream>
std::uint64_t Connection<Stream>::passed() const noexcept {
    return runtime::CycleClock::since(exchange_->started, runtime::CycleClock::kernel_clock()) / 1000;
}

/// The answer is there, and is to be sent.
template <class Stream>
void Connection<Stream>::answered() noexcept {
    if (server_.access_log().tells_stages()) stages_.answered(passed());
}

/// The time-out of the wait that has just ended was the handler's own deadline, and not its client's.
template <class Stream>
bool Connection<Stream>::handler_is_late() noexcept {
    return runtime::Scope::refuses(runtime::current_worker().scope()) == ETIMEDOUT;
}

/// Sending failed. The first time counts; who was late, if it was for that, is `late_one`.
template <class Stream>
void Connection<Stream>::lost(runtime::Error error, Reason late_one) noexcept {
    if (receiver_ != Peer::there) return;
    const bool late = error.code == ETIMEDOUT;
    const auto shortage = shortage_of(error);
    const bool ours = late || shortage || error.code == ECANCELED;
    const bool gone = !ours || stream_.peer_gone(runtime::Heed::reset);
    receiver_ = gone ? Peer::gone : Peer::cut_off;
    if (gone) count(Reason::client_gone);
    else if (shortage) count(*shortage);
    else if (late) count(late_one);
}

}  // namespace spindle::pipeline
