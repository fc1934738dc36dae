// SPDX-License-Identifier: Apache-2.0
//
// The connection loop, written once for both backends: receive, parse, route, handle, answer, flush. The
// flow of control that runs it waits in three places: for bytes, for a slow client, and in a handler.
//
// Requests without a body for plain handlers are answered in take(), without a coroutine frame, and what
// one receive brought (pipelining) leaves in one send. Everything else goes through answer_slowly().
//
// `Stream` is a runtime::Socket or something with the same interface above one.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "runtime/accepted.hpp"
#include "runtime/socket.hpp"
#include "runtime/task.hpp"
#include "runtime/worker.hpp"
#include "server/http/parser.hpp"
#include "server/http/serialise.hpp"
#include "server/http/status.hpp"
#include "server/pipeline/exchange.hpp"
#include "server/pipeline/handler.hpp"
#include "server/pipeline/peer_address.hpp"
#include "server/pipeline/reason.hpp"
#include "server/pipeline/stages.hpp"

namespace spindle::pipeline {

class Server;

template <class Stream>
class Connection {
  public:
    /// Takes over a connected descriptor, serves until the connection ends, and closes it.
    static runtime::task<void> serve(Server& server, runtime::Accepted accepted);

  private:
    Connection(Server& server, runtime::Accepted accepted);

    /// How a request ended up, or what it needs.
    enum class Next : std::uint8_t {
        go_on,   ///< with the next request, or with more bytes
        slow,    ///< the request at the start of exchange.input needs answer_slowly()
        flush,   ///< much output waits: send it, then go on with exchange.input
        close,   ///< after flushing
        linger,  ///< after flushing, and the client may still be sending
    };

    /// How a body of unknown length ended up.
    enum class Streamed : std::uint8_t {
        whole,      ///< and the connection may go on
        cut,        ///< only closing says that it ended
        not_begun,  ///< the request's body failed before; to be refused
    };

    class RequestBody;
    class ResponseBody;
    class WatchedScope;

    /// Who is there to send to.
    enum class Peer : std::uint8_t {
        there,
        gone,    ///< by itself
        cut_off  ///< by the server: too slow, or the server ends
    };

    // What comes before the first request
    [[nodiscard]] Next begin();
    [[nodiscard]] Next enter();
    [[nodiscard]] Next take_proxy_header(std::string_view bytes);
    [[nodiscard]] Next refuse_proxy_header(Reason reason, std::string_view why) noexcept;

    // The loop
    /// Of the reactor, ns.
    [[nodiscard]] static std::uint64_t now() noexcept { return runtime::current_worker().reactor().now(); }
    [[nodiscard]] Next heed(runtime::Result<runtime::Received>& received);
    runtime::task<Next> serve_on(Next next);
    template <class Step>
    [[nodiscard]] Next if_memory_suffices(const Step& step) noexcept;
    [[nodiscard]] Next give_up(Reason reason = Reason::no_memory) noexcept;
    void say_unavailable() noexcept;
    [[nodiscard]] std::chrono::nanoseconds receive_timeout() const noexcept;
    [[nodiscard]] Next receive_failed(runtime::Error error);
    [[nodiscard]] Next received_end();
    [[nodiscard]] bool in_request() const noexcept;
    void rest();

    // Requests that need no waiting
    [[nodiscard]] Next take(std::string_view bytes);
    void begin_request();
    [[nodiscard]] Next answer_at_once();
    [[nodiscard]] Response call_plain(const PlainHandler& handler, const Route& route);
    [[nodiscard]] Context context_of(const Route& route, RequestBody& body) noexcept;
    [[nodiscard]] Response respond_without_handler() const;
    [[nodiscard]] Response without_handler() const;
    void apply_rules(Response& response) const;
    template <class Answer>
    [[nodiscard]] Answer ask(const std::function<Answer(Request&, Context&)>& handler, const Route& route);
    Next append_at_once(Response& response);
    void finish(Response& response, const Route& route);
    [[nodiscard]] bool admit();
    [[nodiscard]] bool has_handler() const noexcept;
    [[nodiscard]] Next refuse(http::ParseError error);
    [[nodiscard]] Next refuse(Reason reason, std::uint16_t status);

    // Requests that may wait
    runtime::task<Next> answer_slowly();
    void begin_next_request(std::string_view rest);
    [[nodiscard]] bool answer_without_waiting();
    void answer_handler_error(const Route& route);
    runtime::task<Next> send_answer(RequestBody& body);
    [[nodiscard]] Next abandon(const RequestBody& body);
    [[nodiscard]] bool wants_encoding(const Response& response) const noexcept;
    runtime::task<void> encode(Response& response, const Route& route);
    runtime::task<bool> send_response(Response& response, bool keep_alive);
    std::string_view send_together(std::string_view body) noexcept;
    runtime::task<std::uint64_t> send_file(const http::FileSource& file, std::uint64_t offset, std::uint64_t length);
    runtime::task<std::uint64_t> send_pieces(const http::FilePieces& body);
    runtime::task<Streamed> send_stream(Response& response, bool keep_alive, RequestBody& body, const char* route);
    runtime::task<bool> produce(StreamedBody& body, ResponseBody& writer, const char* route);
    runtime::task<bool> drain_body(RequestBody& body);

    // Answers
    [[nodiscard]] bool append_small(const Response& response, bool keep_alive);
    [[nodiscard]] bool append_head(const Response& response, bool keep_alive, http::Framing framing,
                                   std::uint64_t length);
    [[nodiscard]] bool wants_keep_alive() noexcept;
    [[nodiscard]] std::uint64_t body_bytes(const Response& response) const noexcept;

    // What is counted and logged
    void count(Reason reason) const noexcept;
    void count_refusal(const Response& made) const noexcept;
    void log(std::uint16_t status, std::uint64_t body_bytes) noexcept;
    void log_client_gone() noexcept;
    [[nodiscard]] std::uint64_t passed() const noexcept;
    void answered() noexcept;
    [[nodiscard]] static bool handler_is_late() noexcept;
    void lost(runtime::Error error, Reason late_one = Reason::write_late) noexcept;

    // The stream
    [[nodiscard]] bool flush_now() noexcept;
    runtime::task<bool> flush(runtime::Patience* kept = nullptr);
    runtime::task<void> linger();

    static constexpr std::size_t kOutputBytesMax = 256 * 1024;  ///< pipelined answers held before a flush
    static constexpr std::size_t kCopiedBodyMax = 16 * 1024;    ///< bodies copied, and logged before they have left
    static constexpr std::size_t kSlowChunkBytes = 16 * 1024;   ///< of a file, while its client is waited for
    static constexpr std::size_t kFileChunkBytes = 256 * 1024;
    static constexpr std::uint64_t kDrainBytesMax = 64 * 1024;  ///< of a body that the handler left unread
    static constexpr std::uint64_t kLingerBytesMax = 1024 * 1024;
    static constexpr std::chrono::seconds kLingerTime{2};

    // In an order without holes: there are as many of these as connections.
    Server& server_;
    [[no_unique_address]] Stream stream_;  ///< what follows fits behind its last member
    PeerAddress peer_;
    Peer receiver_ = Peer::there;
    bool proxy_header_awaited_;           ///< the next bytes belong to one
    bool address_counted_ = false;        ///< to be left
    Stages stages_;                       ///< of the request under way, if the access log wants them
    std::uint32_t requests_ = 0;          ///< answered on this connection
    std::unique_ptr<Exchange> exchange_;  ///< only while a request is under way
};

}  // namespace spindle::pipeline
