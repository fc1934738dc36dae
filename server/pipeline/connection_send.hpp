// SPDX-License-Identifier: Apache-2.0
//
// How an answer leaves: short ones appended to the output, whole bodies, files and streams behind their heads. Part of
// connection.cpp; included there only.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <spdlog/spdlog.h>

#include "runtime/io.hpp"
#include "server/pipeline/connection_body.hpp"
#include "server/pipeline/connection_scope.hpp"

namespace spindle::pipeline {

/// A body that is copied behind its head: what a slow client does not take of it stays in the output. A longer one
/// stays where it is, which may be where others have it from too.
inline std::optional<std::string_view> small_body(const Response& response, std::size_t bytes_max) noexcept {
    const auto bytes = http::bytes_in_memory(response);
    return bytes && bytes->size() <= bytes_max ? bytes : std::nullopt;
}

template <class Stream>
task<bool> Connection<Stream>::send_response(Response& response, bool keep_alive) {
    const std::uint64_t length = body_bytes(response);
    std::uint64_t sent = length;
    if (small_body(response, kCopiedBodyMax)) {
        const bool valid = append_small(response, keep_alive);
        const bool flushed = co_await flush();
        // What is left of the output is its end.
        if (!flushed) sent -= std::min<std::uint64_t>(length, exchange_->output.size());
        log(valid ? response.status : 500, valid ? sent : 0);
        co_return valid&& flushed;
    }
    if (!append_head(response, keep_alive, http::Framing::content_length, http::body_length(response))) {
        log(500, 0);
        co_return false;
    }
    if (exchange_->request.method == http::Method::head) {
        // Its head is all.
    } else if (const auto* file = std::get_if<http::FileBody>(&response.body)) {
        sent = co_await send_file(*file->file, file->offset, file->length);
    } else if (const auto* pieces = std::get_if<std::unique_ptr<http::FilePieces>>(&response.body)) {
        sent = co_await send_pieces(**pieces);
    } else {
        std::string_view rest = send_together(*small_body(response, SIZE_MAX));
        const bool flushed = co_await flush();
        if (flushed) {
            runtime::Patience patience(server_.write_pace());
            const auto result = co_await stream_.send_all(rest, server_.write_pace(), patience);
            if (!result) lost(result.error());
        }
        sent -= rest.size();
    }
    const bool flushed = co_await flush();
    log(response.status, sent);
    co_return flushed&& sent == length;
}

/// The output and a body that lies elsewhere in one send, as far as they go without waiting.
/// -> what is left of the body; what is left of the output stays there, and then all of the body is left.
template <class Stream>
std::string_view Connection<Stream>::send_together(std::string_view body) noexcept {
    std::string& output = exchange_->output;
    const std::array<iovec, 2> parts{{{output.data(), output.size()}, {const_cast<char*>(body.data()), body.size()}}};
    const auto sent = receiver_ == Peer::there ? stream_.try_send(parts.data(), parts.size()).value_or(0) : 0;
    if (sent < output.size()) {
        exchange_->left(sent);
        return body;
    }
    body.remove_prefix(sent - output.size());
    exchange_->left(output.size());
    return body;
}

// -> bytes that were sent; all, or the connection must end.
// A file that turned out shorter than its Content-Length, or that is written to meanwhile, leaves only one honest
// answer: an aborted one. A file that another one took the place of is still there for whoever has it open.
template <class Stream>
task<std::uint64_t> Connection<Stream>::send_file(const http::FileSource& file, std::uint64_t offset,
                                                  std::uint64_t length) {
    std::uint64_t sent = 0;
    runtime::Patience patience(server_.write_pace());
    const bool flushed = co_await flush();
    while (flushed && sent < length) {
        const std::size_t wanted = std::min<std::uint64_t>(length - sent, kFileChunkBytes);
        auto chunk = std::make_unique_for_overwrite<char[]>(wanted);
        const auto read = co_await runtime::read_at(file.descriptor(), {chunk.get(), wanted}, offset + sent);
        if (!read || *read == 0 || !file.unchanged()) {
            if (read) count(Reason::file_changed);
            else if (read.error().code != ECANCELED) count(Reason::file_unreadable);
            break;
        }
        const std::string_view bytes(chunk.get(), *read);
        const auto taken = stream_.try_send(bytes);
        if (!taken) {
            lost(taken.error());
            break;
        }
        sent += *taken;
        // While a slow client is waited for, the file has what is to come: little of it is kept.
        const std::string kept(bytes.substr(*taken, kSlowChunkBytes));
        chunk.reset();
        std::string_view rest = kept;
        const auto result = co_await stream_.send_all(rest, server_.write_pace(), patience);
        sent += kept.size() - rest.size();
        if (!result) {
            lost(result.error());
            break;
        }
    }
    co_return sent;
}

template <class Stream>
task<std::uint64_t> Connection<Stream>::send_pieces(const http::FilePieces& body) {
    std::uint64_t sent = 0;
    for (const http::FilePieces::Piece& piece : body.pieces) {
        exchange_->output.append(piece.before);
        const std::uint64_t of_piece = co_await send_file(*body.file, piece.offset, piece.length);
        sent += piece.before.size() + of_piece;
        if (of_piece < piece.length) co_return sent;
    }
    exchange_->output.append(body.end);
    co_return sent + body.end.size();
}

// A body that cannot be finished ends without its last chunk: the client sees that it is not whole.
template <class Stream>
task<typename Connection<Stream>::Streamed> Connection<Stream>::send_stream(Response& response, bool keep_alive,
                                                                            RequestBody& body, const char* route) {
    const std::unique_ptr<http::BodyStream> stream =
        std::move(std::get<std::unique_ptr<http::BodyStream>>(response.body));
    ResponseBody writer(*this, response, keep_alive, body);
    bool whole = true;
    if (exchange_->request.method != http::Method::head)
        whole = co_await produce(static_cast<StreamedBody&>(*stream), writer, route);
    if (body.failed() && !writer.begun()) co_return Streamed::not_begun;
    if (body.broken() != 0) lost({body.broken()}, Reason::handler_late);
    if (receiver_ == Peer::there && body.failed()) count(body.reason());
    else if (receiver_ == Peer::there && !whole) count(Reason::handler_failed);
    if (whole && !writer.begun() && exchange_->request.method != http::Method::head)
        response.remove("content-encoding");  // an empty body is in no coding
    whole = whole && body.sound() && writer.begin();
    if (whole && exchange_->request.method != http::Method::head) writer.end();
    if (whole) whole = co_await flush();
    log(response.status, writer.written());
    co_return whole&& writer.keeps_alive() == keep_alive ? Streamed::whole : Streamed::cut;
}

template <class Stream>
task<bool> Connection<Stream>::produce(StreamedBody& body, ResponseBody& writer, const char* route) {
    try {
        const runtime::HandlerScope user_code(route);
        // Whoever half-closes and takes the body slowly is there.
        WatchedScope watched(*this, runtime::Heed::reset);
        task<void> producing = body.produce(writer);
        co_await producing;
        co_return true;
    } catch (...) {
        server_.report_handler_error(route);
    }
    co_return false;
}

// What the handler left unread must not be parsed as a request: read it, if it is not much.
template <class Stream>
task<bool> Connection<Stream>::drain_body(RequestBody& body) {
    if (body.continue_owed()) co_return false;
    const std::uint64_t before = body.received();
    while (!body.complete()) {
        if (body.received() - before > kDrainBytesMax) co_return false;
        const auto chunk = co_await body.read();
        if (!chunk) co_return false;
    }
    co_return true;
}

// ---- what was appended

template <class Stream>
bool Connection<Stream>::flush_now() noexcept {
    std::string& output = exchange_->output;
    if (output.empty()) return true;
    const auto sent = stream_.try_send(output);
    if (!sent) {
        lost(sent.error());
        return false;
    }
    exchange_->left(*sent);
    return output.empty();
}

/// `kept`: what the client has left of its patience; null: all, as for a whole answer.
template <class Stream>
task<bool> Connection<Stream>::flush(runtime::Patience* kept) {
    if (receiver_ != Peer::there) co_return false;
    if (exchange_->output.empty()) co_return true;
    std::string_view rest = exchange_->output;
    runtime::Patience all(server_.write_pace());
    const auto sent = co_await stream_.send_all(rest, server_.write_pace(), kept == nullptr ? all : *kept);
    exchange_->left(exchange_->output.size() - rest.size());
    if (!sent) lost(sent.error(), handler_is_late() ? Reason::handler_late : Reason::write_late);
    co_return sent.has_value();
}

// ---- heads, and bodies that lie in memory

template <class Stream>
bool Connection<Stream>::append_small(const Response& response, bool keep_alive) {
    const std::string_view body = *small_body(response, SIZE_MAX);
    if (!append_head(response, keep_alive, http::Framing::content_length, body.size())) return false;
    if (exchange_->request.method != http::Method::head) exchange_->output.append(body);
    return true;
}

template <class Stream>
std::uint64_t Connection<Stream>::body_bytes(const Response& response) const noexcept {
    return exchange_->request.method == http::Method::head ? 0 : http::body_length(response);
}

template <class Stream>
bool Connection<Stream>::append_head(const Response& response, bool keep_alive, http::Framing framing,
                                     std::uint64_t length) {
    ++requests_;
    WorkerState& worker = server_.worker_state();
    worker.counters.requests.add();
    if (server_.config().log.request_id) {
        exchange_->id = worker.request_ids.next();
        peer_.settle();
    }
    RequestId::Text id;
    const http::HeadOptions options{.date = worker.date(),
                                    .keep_alive = keep_alive,
                                    .http10 = exchange_->request.version_minor == 0,
                                    .framing = framing,
                                    .content_length = length,
                                    .request_id = server_.request_id_of(*exchange_, peer_, id)};
    if (http::append_head(exchange_->output, response, options)) return true;
    spdlog::error("a handler set a response field with a name or value that HTTP forbids; answered 500");
    const Response failed = Response::text(500, {});
    const http::HeadOptions plain{.date = worker.date(),
                                  .keep_alive = false,
                                  .http10 = options.http10,
                                  .framing = http::Framing::content_length,
                                  .content_length = 0,
                                  .request_id = options.request_id};
    [[maybe_unused]] const bool valid = http::append_head(exchange_->output, failed, plain);
    return false;
}

/// A 503, without a byte of memory.
template <class Stream>
void Connection<Stream>::say_unavailable() noexcept {
    constexpr std::string_view kBefore = "HTTP/1.1 503 Service Unavailable\r\nDate: ";
    constexpr std::string_view kBehind = "\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    std::array<iovec, 3> parts{};
    std::size_t count = 0;
    for (const std::string_view part : {kBefore, server_.worker_state().date(), kBehind})
        parts[count++] = {const_cast<char*>(part.data()), part.size()};
    (void)stream_.try_send(parts.data(), parts.size());
}

}  // namespace spindle::pipeline
