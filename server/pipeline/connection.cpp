// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/connection.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "runtime/io.hpp"
#include "server/http/encoded_response.hpp"
#include "server/http/target.hpp"
#include "server/pipeline/admission.hpp"
#include "server/pipeline/client_address.hpp"
#include "server/pipeline/connection_begin.hpp"
#include "server/pipeline/connection_body.hpp"
#include "server/pipeline/connection_record.hpp"
#include "server/pipeline/connection_scope.hpp"
#include "server/pipeline/connection_send.hpp"
#include "server/pipeline/server.hpp"

namespace spindle::pipeline {

Response unfinished(runtime::Error error) {
    if (error.code == ETIMEDOUT) return Response::text(503, "the request took longer than it may here\n");
    return Response::text(503, "the server is stopping\n");
}

// ---- the loop

// One frame holds the loop and the connection: it is what an idle connection costs.
template <class Stream>
task<void> Connection<Stream>::serve(Server& server, runtime::Accepted accepted) {
    Connection self(server, accepted);
    Next next = self.if_memory_suffices([&self] { return self.begin(); });
    while (next == Next::go_on) {
        self.rest();
        // Between two requests nothing is under way, and a drain may end the wait.
        auto received = co_await self.stream_.receive(self.receive_timeout(), self.exchange_ == nullptr);
        next = self.if_memory_suffices([&self, &received] { return self.heed(received); });
        if (self.exchange_ == nullptr) continue;
        const bool sent = self.flush_now();
        if (sent && (next == Next::go_on || next == Next::close)) continue;
        try {
            next = co_await self.serve_on(next);
        } catch (const std::bad_alloc&) {
            next = self.give_up();
        }
    }
    co_await self.stream_.close();
    if (self.address_counted_) server.leave(self.peer_);
}

template <class Stream>
typename Connection<Stream>::Next Connection<Stream>::heed(runtime::Result<runtime::Received>& received) {
    if (!received) return receive_failed(received.error());
    if (received->bytes().empty()) return received_end();
    const std::string_view bytes = received->bytes();
    const Next next = proxy_header_awaited_ ? take_proxy_header(bytes) : take(bytes);
    received->release();
    return next;
}

/// Whoever asks for more than there is loses its connection: the others go on. What else a step throws is a bug.
template <class Stream>
template <class Step>
typename Connection<Stream>::Next Connection<Stream>::if_memory_suffices(const Step& step) noexcept {
    try {
        return step();
    } catch (const std::bad_alloc&) {
        return give_up();
    }
}

/// Who has got nothing of an answer yet is told, if the kernel takes it, but not waited for.
template <class Stream>
typename Connection<Stream>::Next Connection<Stream>::give_up(Reason reason) noexcept {
    count(reason);
    const bool tells = exchange_ == nullptr || (exchange_->take_back_answer() && flush_now());
    if (tells && receiver_ == Peer::there) say_unavailable();
    if (exchange_ == nullptr) return Next::close;
    exchange_->output.clear();
    exchange_->request.forget();  // it may be half parsed
    if (tells) log(503, 0);
    return Next::close;
}

// What could not be done at once, until more bytes are needed or the connection ends.
template <class Stream>
task<typename Connection<Stream>::Next> Connection<Stream>::serve_on(Next next) {
    while (true) {
        if (!exchange_->output.empty()) {
            const bool sent = co_await flush();
            if (!sent) co_return Next::close;
        }
        if (next == Next::slow) {
            next = co_await answer_slowly();
            if (next == Next::go_on && !exchange_->input.empty()) next = take({});
        } else if (next == Next::flush) {
            next = take({});
        } else {
            if (next == Next::linger) co_await linger();
            co_return next;
        }
    }
}

// Gives the exchange back where nothing of a request is there.
template <class Stream>
void Connection<Stream>::rest() {
    if (exchange_ == nullptr || !exchange_->input.empty()) return;
    exchange_->clear();
    server_.worker_state().give_exchange(std::move(exchange_));
}

template <class Stream>
std::chrono::nanoseconds Connection<Stream>::receive_timeout() const noexcept {
    const config::Timeouts& timeouts = server_.config().timeouts;
    if (exchange_ == nullptr) return requests_ == 0 ? timeouts.header : timeouts.idle;
    if (timeouts.header.count() == 0) return timeouts.header;
    const auto passed = std::chrono::nanoseconds(now() - exchange_->started);
    return std::max(timeouts.header - passed, std::chrono::nanoseconds(1));
}

template <class Stream>
typename Connection<Stream>::Next Connection<Stream>::receive_failed(runtime::Error error) {
    if (const auto shortage = shortage_of(error)) return give_up(*shortage);
    const bool late = error.code == ETIMEDOUT;
    if (proxy_header_awaited_) return late ? refuse_proxy_header(Reason::proxy_header_late, "late") : Next::close;
    // An idle connection ends without a word; 408 is for a request under way (RFC 9110 section 15.5.9).
    if (!in_request()) {
        if (late) count(requests_ == 0 ? Reason::silent : Reason::idle);
        return Next::close;
    }
    exchange_->request.forget();  // half parsed, from buffers that are given back
    if (late) return refuse(http::ParseError::timed_out);
    if (error.code != ECANCELED) log_client_gone();
    return Next::close;
}

template <class Stream>
typename Connection<Stream>::Next Connection<Stream>::received_end() {
    // A connection without a byte is a look whether somebody listens; one between two requests has had what it wanted.
    if (exchange_ != nullptr && proxy_header_awaited_)
        return refuse_proxy_header(Reason::proxy_header_cut_off, "cut off");
    if (!in_request()) return Next::close;
    exchange_->request.forget();
    log_client_gone();
    return Next::close;
}

/// Something of one has come; line ends before it are nothing (RFC 9112 section 2.2).
template <class Stream>
bool Connection<Stream>::in_request() const noexcept {
    return exchange_ != nullptr && exchange_->input.find_first_not_of("\r\n") != std::string::npos;
}

// ---- requests that need no waiting

/// `bytes` are new ones; earlier ones of an incomplete head stand in exchange.input.
template <class Stream>
typename Connection<Stream>::Next Connection<Stream>::take(std::string_view bytes) {
    if (exchange_ == nullptr) {
        exchange_ = server_.worker_state().take_exchange();
        begin_request();
    }
    std::string& input = exchange_->input;
    const bool kept = !input.empty();
    if (kept) {
        input.append(bytes);
        bytes = input;
    }
    Next next = Next::go_on;
    while (!bytes.empty() && next == Next::go_on) {
        const http::Event event = exchange_->parser.parse_head(bytes);
        if (event == http::Event::need_more) break;
        if (event == http::Event::error) return refuse(exchange_->parser.error());
        next = answer_at_once();
        if (next == Next::slow) break;
        bytes.remove_prefix(exchange_->parser.head_bytes());
        if (next == Next::close) return bytes.empty() ? Next::close : Next::linger;
        if (!bytes.empty()) begin_request();
    }
    const char* const from = bytes.data();
    if (kept) input.erase(0, input.size() - bytes.size());
    else input.assign(bytes);
    if (next == Next::slow) http::rebase(exchange_->request, from, input.size(), input.data());
    return next == Next::flush && input.empty() ? Next::go_on : next;
}

template <class Stream>
void Connection<Stream>::begin_request() {
    exchange_->parser.reset(server_.limits(), exchange_->request);
    exchange_->to = {};
    exchange_->begin_answer();
    exchange_->started = now();
    stages_ = {};
}

template <class Stream>
typename Connection<Stream>::Next Connection<Stream>::answer_at_once() {
    Request& request = exchange_->request;
    if (server_.access_log().tells_stages()) stages_.head_complete(passed());
    server_.sites().lead(request, exchange_->to);
    if (!admit() || request.has_body()) return Next::slow;
    const Route* route = exchange_->to.route;
    if (!has_handler()) {
        Response response = respond_without_handler();
        return append_at_once(response);
    }
    if (const auto* plain = std::get_if<PlainHandler>(&route->handler)) {
        Response response = call_plain(*plain, *route);
        return append_at_once(response);
    }
    const auto* knowing = std::get_if<KnowingHandler>(&route->handler);
    if (knowing == nullptr) return Next::slow;
    std::optional<Response> known = ask(knowing->known, *route);
    if (!known) return Next::slow;
    finish(*known, *route);
    return append_at_once(*known);
}

template <class Stream>
typename Connection<Stream>::Next Connection<Stream>::append_at_once(Response& response) {
    http::drop_forbidden_content(response);
    if (!small_body(response, kCopiedBodyMax) || (has_handler() && wants_encoding(response))) {
        exchange_->response = std::make_unique<Response>(std::move(response));
        return Next::slow;
    }
    http::heed_refused_identity(exchange_->request, response);
    const bool keep_alive = wants_keep_alive() && !response.close;
    answered();
    const bool valid = append_small(response, keep_alive);
    if (server_.access_log().enabled()) log(valid ? response.status : 500, valid ? body_bytes(response) : 0);
    if (!valid || !keep_alive) return Next::close;
    return exchange_->output.size() > kOutputBytesMax ? Next::flush : Next::go_on;
}

template <class Stream>
Response Connection<Stream>::call_plain(const PlainHandler& handler, const Route& route) {
    Response response = ask(handler, route);
    finish(response, route);
    return response;
}

/// A handler that does not wait.
template <class Stream>
template <class Answer>
Answer Connection<Stream>::ask(const std::function<Answer(Request&, Context&)>& handler, const Route& route) {
    RequestBody none(*this, {});
    Context context = context_of(route, none);
    try {
        const runtime::HandlerScope scope(route.path.c_str());
        return handler(exchange_->request, context);
    } catch (...) {
        return server_.answer_handler_error(route.path);
    }
}

template <class Stream>
void Connection<Stream>::finish(Response& response, const Route& route) {
    const Compression* compression = server_.compression();
    if (route.rules == nullptr && compression == nullptr) [[likely]]
        return;
    try {
        const runtime::HandlerScope scope(route.path.c_str());
        apply_rules(response);
        if (compression != nullptr) compression->encode_if_short(exchange_->request, response);
    } catch (...) {  // it had no memory
        response = server_.answer_handler_error(route.path);
    }
}

/// Whether the client may ask here; else the answer is there. Once a request: it is counted.
template <class Stream>
bool Connection<Stream>::admit() {
    const Route* route = exchange_->to.route;
    if ((route == nullptr || route->for_everyone()) && !exchange_->request.names_https) [[likely]]
        return true;
    peer_.settle();
    const Client client = client_of(exchange_->request, peer_, server_.config().proxies);
    std::optional<Refusal> refusal = refusal_of(route, exchange_->request, client, std::chrono::nanoseconds(now()));
    if (!refusal) return true;
    if (refusal->reason) count(*refusal->reason);
    apply_rules(refusal->response);
    exchange_->response = std::make_unique<Response>(std::move(refusal->response));
    return false;
}

/// That may answer this request.
template <class Stream>
bool Connection<Stream>::has_handler() const noexcept {
    const Route* route = exchange_->to.route;
    return route != nullptr && Router::allows(*route, exchange_->request.method);
}

/// To each answer once, as soon as it is there: what encodes it later must see it as it is to be.
template <class Stream>
void Connection<Stream>::apply_rules(Response& response) const {
    const Destination& to = exchange_->to;
    const ResponseRules* rules = to.site == nullptr ? server_.sites().general_rules() : to.rules();
    if (rules != nullptr) rules->apply(exchange_->request, response);
}

template <class Stream>
Context Connection<Stream>::context_of(const Route& route, RequestBody& body) noexcept {
    return {.body = &body, .route = &route, .peer = &peer_, .proxies = &server_.config().proxies};
}

template <class Stream>
Response Connection<Stream>::respond_without_handler() const {
    Response response = without_handler();
    apply_rules(response);
    return response;
}

template <class Stream>
Response Connection<Stream>::without_handler() const {
    const Request& request = exchange_->request;
    const auto [site, route] = exchange_->to;
    if (request.method == http::Method::options && (request.path == "*" || route != nullptr)) {
        Response response;
        response.status = 204;
        response.set("Allow", route == nullptr ? "GET, HEAD, OPTIONS" : route->allow + ", OPTIONS");
        if (route != nullptr && route->rules != nullptr)
            route->rules->cors().answer_preflight(request, response, route->allow);
        return response;
    }
    if (site == nullptr) {
        count(Reason::unknown_host);
        return Response::text(421, "421 Misdirected Request: this server has no such host\n");
    }
    if (route == nullptr) return Response::text(404, "404 Not Found\n");
    Response response = Response::text(405, "405 Method Not Allowed\n");
    response.set("Allow", route->allow + ", OPTIONS");
    return response;
}

template <class Stream>
typename Connection<Stream>::Next Connection<Stream>::refuse(http::ParseError error) {
    return refuse(reason_of(error), http::status_of(error));
}

// The answer to what is not a request: from one table, and the end of the connection.
template <class Stream>
typename Connection<Stream>::Next Connection<Stream>::refuse(Reason reason, std::uint16_t status) {
    count(reason);
    std::string text = std::to_string(status);
    text.append(" ").append(http::reason_phrase(status)).append("\n");
    exchange_->request.method = http::Method::get;  // it may be half parsed
    exchange_->request.version_minor = 1;
    exchange_->request.target = http::without_user_information(exchange_->request.target);
    if (exchange_->request.host.contains('@')) exchange_->request.host = {};
    Response response = Response::text(status, std::move(text));
    apply_rules(response);
    answered();
    const bool valid = append_small(response, false);
    log(status, body_bytes(response));
    return valid ? Next::linger : Next::close;
}

// ---- requests that may wait

/// The request at the start of exchange.input, its body perhaps behind it. What stays in this frame is what a waiting
/// handler costs. g++ 12 gives every Response and every co_await's temporaries in it a place of their own: so the
/// answer lies in the exchange, what makes one without waiting is no coroutine, and sending is another one.
template <class Stream>
task<typename Connection<Stream>::Next> Connection<Stream>::answer_slowly() {
    RequestBody body(*this, std::string_view(exchange_->input).substr(exchange_->parser.head_bytes()));
    if (!answer_without_waiting()) {
        const Route* route = exchange_->to.route;
        Context context = context_of(*route, body);
        try {
            const runtime::HandlerScope user_code(route->path.c_str());
            WatchedScope watched(*this, runtime::Heed::reset_and_half_close);
            const auto limit = server_.config().timeouts.handler;
            if (limit.count() != 0) watched.scope.set_deadline(runtime::in(limit));
            context.scope = &watched.scope;
            task<Response> handling = coroutine_of(route->handler)(exchange_->request, context);
            Response&& made = co_await handling;
            count_refusal(made);
            if (made.status == 503 && watched.scope.ended() == ETIMEDOUT && !body.late()) count(Reason::handler_late);
            exchange_->response = std::make_unique<Response>(std::move(made));
            apply_rules(*exchange_->response);
        } catch (...) {
            answer_handler_error(*route);
        }
    }
    co_return co_await send_answer(body);
}

/// False: a coroutine has to be asked.
template <class Stream>
bool Connection<Stream>::answer_without_waiting() {
    const Route* route = exchange_->to.route;
    std::unique_ptr<Response>& response = exchange_->response;
    if (response != nullptr) return true;
    if (!has_handler()) {
        response = std::make_unique<Response>(respond_without_handler());
    } else if (const auto* plain = std::get_if<PlainHandler>(&route->handler)) {
        response = std::make_unique<Response>(call_plain(*plain, *route));
    }
    return response != nullptr;
}

template <class Stream>
void Connection<Stream>::answer_handler_error(const Route& route) {
    exchange_->response = std::make_unique<Response>(server_.answer_handler_error(route.path));
    apply_rules(*exchange_->response);
}

template <class Stream>
task<typename Connection<Stream>::Next> Connection<Stream>::send_answer(RequestBody& body) {
    const Route* route = exchange_->to.route;
    Response& response = *exchange_->response;
    http::drop_forbidden_content(response);
    answered();
    if (stream_.peer_gone(runtime::Heed::reset_and_half_close)) {
        log_client_gone();
        co_return Next::close;
    }
    if (!body.sound()) co_return abandon(body);
    if (route != nullptr && wants_encoding(response)) co_await encode(response, *route);
    http::heed_refused_identity(exchange_->request, response);

    bool keep_alive = wants_keep_alive() && !response.close;
    bool sent = false;
    if (std::holds_alternative<std::unique_ptr<http::BodyStream>>(response.body)) {
        const Streamed streamed = co_await send_stream(response, keep_alive, body, route->path.c_str());
        if (streamed == Streamed::not_begun) co_return abandon(body);
        sent = streamed == Streamed::whole;
    } else {
        keep_alive = keep_alive && !body.continue_owed();
        sent = co_await send_response(response, keep_alive);
    }
    if (!sent) co_return Next::close;
    const bool drained = co_await drain_body(body);
    if (!drained || !keep_alive) co_return body.complete() && body.rest().empty() ? Next::close : Next::linger;
    begin_next_request(body.rest());
    co_return Next::go_on;
}

/// The request's body did not come as it should: whatever the handler said of it, this is the answer.
template <class Stream>
typename Connection<Stream>::Next Connection<Stream>::abandon(const RequestBody& body) {
    if (body.late()) return refuse(Reason::handler_late, 503);
    if (body.failed()) return refuse(body.reason(), http::status_of(body.error()));
    if (const auto shortage = shortage_of({body.broken()})) return give_up(*shortage);
    if (body.broken() != ECANCELED) log_client_gone();
    return Next::close;
}

/// `rest`: what came behind the message, a view into exchange.input or into a receive buffer.
template <class Stream>
void Connection<Stream>::begin_next_request(std::string_view rest) {
    std::string kept(rest);
    exchange_->input.swap(kept);
    exchange_->response.reset();
    begin_request();
}

template <class Stream>
bool Connection<Stream>::wants_encoding(const Response& response) const noexcept {
    const Compression* compression = server_.compression();
    return compression != nullptr && compression->concerns(response);
}

template <class Stream>
task<void> Connection<Stream>::encode(Response& response, const Route& route) {
    try {
        const runtime::HandlerScope user_code(route.path.c_str());
        co_await server_.compression()->encode(exchange_->request, response);
    } catch (...) {  // it had no memory; then the body goes as it is
        server_.report_handler_error(route.path);
    }
}

template <class Stream>
bool Connection<Stream>::wants_keep_alive() noexcept {
    const std::uint64_t requests_max = server_.config().limits.requests_per_connection;
    if (requests_max != 0 && requests_ + 1 >= requests_max) return false;
    return exchange_->request.keep_alive && !runtime::current_worker().reactor().draining();
}

// ---- the end

// Closing with unread bytes would reset the connection, and the reset could overtake the answer.
template <class Stream>
task<void> Connection<Stream>::linger() {
    stream_.shut_down_sending();
    const std::uint64_t end = now() + std::chrono::nanoseconds(kLingerTime).count();
    std::uint64_t discarded = 0;
    while (discarded < kLingerBytesMax && now() < end) {
        auto received = co_await stream_.receive(std::chrono::nanoseconds(end - now()), true);
        if (!received || received->bytes().empty()) co_return;
        discarded += received->bytes().size();
    }
}

template class Connection<runtime::Socket>;

}  // namespace spindle::pipeline
