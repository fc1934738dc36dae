// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/server.hpp"

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>
#include <new>

#include "runtime/cycle_clock.hpp"
#include "runtime/socket.hpp"
#include "runtime/worker.hpp"
#include "server/pipeline/client_address.hpp"
#include "server/pipeline/connection.hpp"

namespace spindle::pipeline {

Server::Server(const config::Config& config, const Sites& sites, AccessLog& log, Scoreboard& board)
    : config_(config),
      limits_{.header_bytes = config.limits.header_bytes,
              .header_count = config.limits.header_count,
              .target_bytes = config.limits.target_bytes,
              .body_bytes = config.limits.body_bytes},
      body_pace_{.timeout = config.timeouts.body, .rate_min = config.limits.body_rate},
      write_pace_{.timeout = config.timeouts.write, .rate_min = config.limits.write_rate},
      sites_(sites),
      compression_(config.compression),
      log_(log) {
    auto& counters = board.pipeline();
    for (unsigned i = 0; i < counters.size(); ++i) workers_.push_back(std::make_unique<WorkerState>(counters[i]));
}

Server::~Server() = default;

runtime::Service Server::service(std::span<const int> listeners, std::span<const std::size_t> configured) {
    proxied_.clear();
    for (const std::size_t listen : configured) proxied_.push_back(config_.listen[listen].proxy_protocol);
    return {.listeners = listeners,
            .serve = [this](runtime::Accepted accepted) { return serve(accepted); },
            .connections_max = config_.limits.connections,
            .on_ready = {},
            .on_stall = [this](const runtime::Stall& stall) { stalls_.noticed(stall); },
            .on_stall_end = [this](const runtime::Stall& stall) { stalls_.ended(stall); },
            .drain_timeout = config_.timeouts.drain,
            .abandon =
                [this] {
                    log_.end();
                    spdlog::warn("a handler did not end within timeouts.drain; ending without it");
                    spdlog::shutdown();
                    std::quick_exit(0);
                },
            .main = {},
            .on_exception =
                [this](const char* route, const std::exception_ptr& what) {
                    try {
                        std::rethrow_exception(what);
                    } catch (...) {
                        report_handler_error(route == nullptr ? "(spawned)" : route);
                    }
                }};
}

runtime::task<void> Server::serve(runtime::Accepted accepted) {
    return Connection<runtime::Socket>::serve(*this, accepted);
}

WorkerState& Server::worker_state() noexcept { return *workers_[runtime::current_worker().index]; }

bool Server::is_believed(const PeerAddress& peer) const noexcept {
    return !config_.proxies.trusted.empty() && peer.is_in(config_.proxies.trusted);
}

std::string_view Server::request_id_of(const Exchange& exchange, const PeerAddress& peer,
                                       RequestId::Text& buffer) const noexcept {
    if (!config_.log.request_id) return {};
    const std::string_view taken_over = exchange.request.field("X-Request-ID").value_or("");
    return is_request_id(taken_over) && is_believed(peer) ? taken_over : exchange.id.text(buffer);
}

void Server::log_request(const Exchange& exchange, const PeerAddress& peer, const Stages& stages, std::uint16_t status,
                         std::uint64_t body_bytes) noexcept {
    const Request& request = exchange.request;
    PeerText text;
    PeerText client_text;
    RequestId::Text id;
    const std::string_view remote = peer.text(text);
    const bool believed = is_believed(peer);
    const runtime::Worker& worker = runtime::current_worker();
    const std::uint64_t passed = runtime::CycleClock::since(exchange.started, runtime::CycleClock::kernel_clock());
    log_.write(worker.index,
               {.remote = remote,
                .client = believed ? client_of(request, peer, config_.proxies).address.text(client_text) : remote,
                .user = request.user == nullptr ? std::string_view() : *request.user,
                .method = request.method_name,
                .target = request.target,
                .host = request.host,
                .status = status,
                .bytes_in = exchange.parser.message_bytes(),
                .bytes_out = body_bytes,
                .duration = std::chrono::nanoseconds(passed),
                .stages = stages,
                .version = request.version_minor == 0 ? "HTTP/1.0" : "HTTP/1.1",
                .referer = request.field("Referer").value_or(""),
                .user_agent = request.field("User-Agent").value_or(""),
                .backend = worker.backend,
                .worker = worker.index,
                .request_id = request_id_of(exchange, peer, id),
                .traceparent = request.field("traceparent").value_or("")});
}

void Server::report_handler_error(std::string_view route) noexcept {
    worker_state().counters.handler_errors.add();
    try {
        throw;
    } catch (const std::bad_alloc&) {
        spdlog::error("handler of route {} ran out of memory", route);
    } catch (const std::exception& exception) {
        spdlog::error("handler of route {} threw: {:?}", route, std::string_view(exception.what()));
    } catch (...) {
        spdlog::error("handler of route {} threw something that is no std::exception", route);
    }
}

Response Server::answer_handler_error(std::string_view route) {
    report_handler_error(route);
    try {
        throw;
    } catch (const std::bad_alloc&) {
        throw;
    } catch (...) {
        return Response::text(500, "500 Internal Server Error\n");
    }
}

}  // namespace spindle::pipeline
