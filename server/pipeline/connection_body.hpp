// SPDX-License-Identifier: Apache-2.0
//
// The two bodies of an exchange as handlers see them: the request's, decoded as it is asked for, and a
// streamed response's, framed as it is written. Part of connection.cpp; included there only.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "runtime/cycle_clock.hpp"
#include "runtime/patience.hpp"
#include "server/pipeline/connection.hpp"
#include "server/pipeline/server.hpp"

namespace spindle::pipeline {

/// Reads the body that follows the head in exchange.input and then in the stream.
template <class Stream>
class Connection<Stream>::RequestBody final : public BodyReader {
  public:
    /// `unread`: what came with the head. Stays valid until the exchange ends.
    RequestBody(Connection& connection, std::string_view unread)
        : connection_(connection),
          unread_(unread),
          patience_(connection.server_.body_pace()),
          complete_(!connection.exchange_->request.has_body()),
          continued_(!unread.empty()) {}

    task<std::expected<std::string_view, runtime::Error>> read() override {
        using Answer = std::expected<std::string_view, runtime::Error>;
        while (!complete_ && !failed_) {
            if (unread_.empty()) {
                const bool got = co_await receive_more();
                if (!got) break;
            }
            std::string_view chunk;
            const http::Event event = connection_.exchange_->parser.parse_body(unread_, chunk);
            unread_.remove_prefix(connection_.exchange_->parser.consumed());
            if (event == http::Event::message_complete) complete_ = true;
            if (event == http::Event::error) fail(connection_.exchange_->parser.error());
            else if (!chunk.empty()) co_return Answer(chunk);
        }
        if (failed_) co_return Answer(std::unexpect, runtime::Error{EPROTO});
        if (broken_ != 0) co_return Answer(std::unexpect, runtime::Error{broken_});
        co_return Answer(std::string_view{});
    }

    [[nodiscard]] bool complete() const noexcept { return complete_; }
    /// The client broke the protocol or was too slow; `status()` says how to answer.
    [[nodiscard]] bool failed() const noexcept { return failed_; }
    [[nodiscard]] http::ParseError error() const noexcept { return error_; }
    [[nodiscard]] Reason reason() const noexcept {
        return error_ == http::ParseError::timed_out ? Reason::body_late : reason_of(error_);
    }
    /// The handler's deadline passed while it waited for the body.
    [[nodiscard]] bool late() const noexcept { return broken_ == ETIMEDOUT; }
    /// An error of the stream's, or 0: the client is gone or (ECANCELED) the server stops. Nobody to answer.
    [[nodiscard]] int broken() const noexcept { return broken_; }
    /// As far as it was read.
    [[nodiscard]] bool sound() const noexcept { return !failed_ && broken_ == 0; }
    /// The client waits for a 100 that it will not get.
    [[nodiscard]] bool continue_owed() const noexcept {
        return connection_.exchange_->request.expects_continue && !continued_ && !complete_ && unread_.empty();
    }
    /// Decoded bytes so far.
    [[nodiscard]] std::uint64_t received() const noexcept { return connection_.exchange_->parser.body_bytes(); }
    /// Bytes after the message: the next requests.
    [[nodiscard]] std::string_view rest() const noexcept { return unread_; }

  private:
    task<bool> receive_more() {
        if (connection_.exchange_->request.expects_continue && !continued_) {
            continued_ = true;
            connection_.exchange_->output.append("HTTP/1.1 100 Continue\r\n\r\n");
            const bool flushed = co_await connection_.flush();
            if (!flushed) {
                broken_ = EPIPE;
                co_return false;
            }
            connection_.exchange_->begin_answer();
        }
        held_.release();
        const std::uint64_t began = runtime::CycleClock::kernel_clock();
        auto received = co_await connection_.stream_.receive(patience_.left());
        const std::uint64_t waited = runtime::CycleClock::kernel_clock() - began;
        const std::uint64_t held_up = std::min(waited, runtime::current_worker().held_up());
        connection_.stages_.body_waited(waited);
        if (!received) {
            if (received.error().code == ETIMEDOUT && !handler_is_late()) fail(http::ParseError::timed_out);
            else broken_ = received.error().code;
            co_return false;
        }
        held_ = std::move(*received);
        unread_ = held_.bytes();
        patience_.spend(std::chrono::nanoseconds(waited - held_up), unread_.size(), connection_.server_.body_pace());
        if (unread_.empty()) broken_ = ECONNRESET;
        co_return !unread_.empty();
    }

    void fail(http::ParseError error) noexcept {
        failed_ = true;
        error_ = error;
    }

    Connection& connection_;
    std::string_view unread_;
    runtime::Received held_;
    runtime::Patience patience_;
    bool complete_;
    /// No 100 is owed: it was sent, or the client did not wait for it (RFC 9110 section 10.1.1). One that came later
    /// could stand in the midst of the answer.
    bool continued_;
    bool failed_ = false;
    http::ParseError error_{};
    int broken_ = 0;
};

/// Writes a body of unknown length: chunked, or as it is until the connection closes (HTTP/1.0). The head leaves
/// with the first bytes, so that until then a failure can still be answered.
template <class Stream>
class Connection<Stream>::ResponseBody final : public BodyWriter {
  public:
    /// `request`: the body of the request that is answered.
    ResponseBody(Connection& connection, const Response& response, bool keep_alive, const RequestBody& request) noexcept
        : connection_(connection),
          response_(response),
          request_(request),
          chunked_(connection.exchange_->request.version_minor >= 1),
          keep_alive_(keep_alive && chunked_) {}

    task<std::expected<void, runtime::Error>> write(std::string_view bytes) override {
        using Answer = std::expected<void, runtime::Error>;
        if (bytes.empty()) co_return Answer{};  // an empty chunk would end the body
        if (connection_.receiver_ != Peer::there) co_return Answer(std::unexpect, runtime::Error{EPIPE});
        if (!begin()) co_return Answer(std::unexpect, runtime::Error{EINVAL});
        std::string& output = connection_.exchange_->output;
        if (chunked_) http::append_chunk_head(output, bytes.size());
        output.append(bytes);
        if (chunked_) output.append("\r\n");
        const bool flushed = co_await connection_.flush(&patience_);
        written_ += bytes.size() - std::min(bytes.size(), output.size());
        if (!flushed) co_return Answer(std::unexpect, runtime::Error{EPIPE});
        co_return Answer{};
    }

    [[nodiscard]] bool sound() const noexcept override {
        return valid_ && request_.sound() && connection_.receiver_ == Peer::there;
    }

    /// The head, unless it was written. False: it cannot be sent, a 500 was appended instead.
    bool begin() {
        if (!std::exchange(begun_, true)) {
            const auto framing = chunked_ ? http::Framing::chunked : http::Framing::until_close;
            // A body that was announced, never asked for and never sent: the next bytes may be it or a request.
            keep_alive_ = keep_alive_ && !request_.continue_owed();
            // The producer is user code, whose worker may be taken away: the worker's state is the runtime's.
            const runtime::RuntimeScope in_runtime;
            valid_ = connection_.append_head(response_, keep_alive_, framing, 0);
        }
        return valid_;
    }
    void end() {
        if (chunked_) connection_.exchange_->output.append(http::kLastChunk);
    }
    [[nodiscard]] bool begun() const noexcept { return begun_; }
    [[nodiscard]] bool keeps_alive() const noexcept { return keep_alive_; }
    [[nodiscard]] std::uint64_t written() const noexcept { return written_; }

  private:
    Connection& connection_;
    const Response& response_;
    const RequestBody& request_;
    const bool chunked_;
    bool keep_alive_;
    bool begun_ = false;
    bool valid_ = true;
    std::uint64_t written_ = 0;
    runtime::Patience patience_{connection_.server_.write_pace()};
};

}  // namespace spindle::pipeline
