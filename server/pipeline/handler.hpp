// SPDX-License-Identifier: Apache-2.0
//
// What a handler is. Written once, plain or coroutine, it runs under both backends:
//
//     Response hello(Request&, Context&);                 // never waits: costs no coroutine frame
//     task<Response> nap(Request&, Context&) {            // may wait: co_await sleep_for(10ms)
//
// A handler runs on one flow of control at a time; under `fiber` it may continue on another thread
// after each co_await, so it keeps no pointer to thread-local data across one. A handler that throws
// becomes a 500, a log line with its route and a counter.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "config/route_path.hpp"
#include "config/text_template.hpp"
#include "runtime/error.hpp"
#include "runtime/scope.hpp"
#include "runtime/task.hpp"
#include "server/http/request.hpp"
#include "server/http/response.hpp"
#include "server/pipeline/client_address.hpp"
#include "server/pipeline/peer_address.hpp"

namespace spindle::pipeline {

using http::Request;
using http::Response;
using runtime::task;

/// Where a streamed response body goes. `write` suspends while the client is slow (back-pressure);
/// an error means that the client is gone and the producer should return.
class BodyWriter {
  public:
    virtual task<std::expected<void, runtime::Error>> write(std::string_view bytes) = 0;
    /// False: the client will see that the body is not whole, whatever is written: it is gone, or the request's body
    /// broke off. A format that marks its end has none then.
    [[nodiscard]] virtual bool sound() const noexcept = 0;

  protected:
    ~BodyWriter() = default;
};

/// Where the request body comes from. `read` returns the next decoded bytes, valid until the next
/// read; empty at the end. Errors: the client went away, a time-out, a framing error, body too large
/// (the pipeline then answers with the right status itself, whatever the handler returns).
class BodyReader {
  public:
    virtual task<std::expected<std::string_view, runtime::Error>> read() = 0;

  protected:
    ~BodyReader() = default;
};

/// A body produced by a coroutine while it is sent: chunked for HTTP/1.1, until close for HTTP/1.0.
class StreamedBody final : public http::BodyStream {
  public:
    using Producer = std::function<task<void>(BodyWriter&)>;
    explicit StreamedBody(Producer producer) : produce(std::move(producer)) {}
    Producer produce;
};

struct Route;
class RateLimiter;
class ResponseRules;

/// What a handler may ask about where it runs. Lives as long as the request.
struct Context {
    BodyReader* body = nullptr;  ///< never null while a handler runs

    const Route* route = nullptr;  ///< never null while a handler runs

    PeerAddress* peer = nullptr;               ///< never null while a handler runs, as is the next
    const config::Proxies* proxies = nullptr;  ///< who is believed what it says of its clients

    /// Who asks, and with what.
    [[nodiscard]] Client client(const Request& request) const noexcept {
        peer->settle();
        return client_of(request, *peer, *proxies);
    }

    /// Bounds what a coroutine handler waits for; null for plain ones, which cannot wait. It is cancelled when
    /// the client goes away, and ends with timeouts.handler.
    runtime::Scope* scope = nullptr;

    /// Waits would end at once: the client is gone or the deadline has passed. For handlers that compute.
    [[nodiscard]] bool cancelled() const noexcept { return scope != nullptr && scope->ended() != 0; }
    /// Instead of timeouts.handler.
    void set_deadline(runtime::Scope::Clock::time_point deadline) const noexcept {
        if (scope != nullptr) scope->set_deadline(deadline);
    }
};

/// The answer of a handler whose wait did not come to its end: 503, with the reason. If the client is gone,
/// nobody will read it, and the access log says 499.
[[nodiscard]] Response unfinished(runtime::Error error);

using PlainHandler = std::function<Response(Request&, Context&)>;
using CoroutineHandler = std::function<task<Response>(Request&, Context&)>;
/// May know the answer without waiting; where it does not, the coroutine is asked.
struct KnowingHandler {
    std::function<std::optional<Response>(Request&, Context&)> known;
    CoroutineHandler otherwise;
};
using Handler = std::variant<PlainHandler, CoroutineHandler, KnowingHandler>;

/// Of a handler that is not plain.
[[nodiscard]] inline const CoroutineHandler& coroutine_of(const Handler& handler) {
    const auto* knowing = std::get_if<KnowingHandler>(&handler);
    return knowing != nullptr ? knowing->otherwise : std::get<CoroutineHandler>(handler);
}

/// A mounted route; its path as config/route_path.hpp has it.
struct Route {
    std::string path;
    Handler handler;
    /// Methods answered, as the Allow field lists them ("GET, HEAD"); others get 405 with Allow.
    std::string allow = "GET, HEAD";
    std::shared_ptr<const ResponseRules> rules = nullptr;           ///< what is done to its responses; null: nothing
    std::optional<config::TextTemplate> rewrite_to = std::nullopt;  ///< the request goes on there instead
    std::uint16_t methods = 0;       ///< `allow` as bits (1 << Method); the router's to fill, as is the next
    config::RoutePath pattern = {};  ///< if the path has parameters
    std::vector<config::Network> clients_denied = {};
    std::vector<config::Network> clients_allowed = {};  ///< empty: all

    std::shared_ptr<RateLimiter> rate_limit = nullptr;  ///< of each client; null: none
    bool https_only = false;
    bool length_required = false;  ///< of bodies

    [[nodiscard]] bool for_everyone() const noexcept {
        return clients_denied.empty() && clients_allowed.empty() && rate_limit == nullptr && !https_only &&
               !length_required;
    }
    /// A client that is not known is not admitted where anybody is kept out.
    [[nodiscard]] bool admits(const PeerAddress& client) const noexcept {
        if (clients_denied.empty() && clients_allowed.empty()) return true;
        if (!client.known() || client.is_in(clients_denied)) return false;
        return clients_allowed.empty() || client.is_in(clients_allowed);
    }
};

}  // namespace spindle::pipeline
