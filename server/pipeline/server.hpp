// SPDX-License-Identifier: Apache-2.0
//
// What all connections of a process share: configuration, routes, access log, worker states; and the
// Service that a backend runs. Immutable once it serves, but for the worker states.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "runtime/backend.hpp"
#include "runtime/patience.hpp"
#include "server/http/parser.hpp"
#include "server/pipeline/access_log.hpp"
#include "server/pipeline/address_counts.hpp"
#include "server/pipeline/compression.hpp"
#include "server/pipeline/handler.hpp"
#include "server/pipeline/peer_address.hpp"
#include "server/pipeline/scoreboard.hpp"
#include "server/pipeline/site.hpp"
#include "server/pipeline/stages.hpp"
#include "server/pipeline/stall_log.hpp"
#include "server/pipeline/worker_state.hpp"

namespace spindle::pipeline {

class Server {
  public:
    /// `log` and `board` must outlive the server.
    Server(const config::Config& config, const Sites& sites, AccessLog& log, Scoreboard& board);
    ~Server();

    /// How `backend` is to serve `listeners`, which must stay open meanwhile; for each, which of config.listen it is.
    [[nodiscard]] runtime::Service service(std::span<const int> listeners, std::span<const std::size_t> configured);

    [[nodiscard]] const config::Config& config() const noexcept { return config_; }
    [[nodiscard]] const http::Limits& limits() const noexcept { return limits_; }
    /// What clients must keep to while they send a body, and while they take an answer.
    [[nodiscard]] const runtime::Pace& body_pace() const noexcept { return body_pace_; }
    [[nodiscard]] const runtime::Pace& write_pace() const noexcept { return write_pace_; }
    [[nodiscard]] const Sites& sites() const noexcept { return sites_; }
    [[nodiscard]] AccessLog& access_log() const noexcept { return log_; }
    /// Null if it is off.
    [[nodiscard]] const Compression* compression() const noexcept {
        return compression_.on() ? &compression_ : nullptr;
    }
    /// Connections of this one (Accepted::listener) begin with a PROXY header.
    [[nodiscard]] bool expects_proxy_header(unsigned listener) const noexcept { return proxied_[listener]; }
    /// limits.connections_per_address holds: `counts`, which outlive the server, are of all processes; this one is
    /// `process`. Before it serves.
    void count_addresses(AddressCounts& counts, unsigned process) noexcept {
        addresses_ = &counts;
        process_ = process;
    }
    [[nodiscard]] bool counts_addresses() const noexcept { return addresses_ != nullptr; }
    /// False: the client has as many connections as it may have. Else leave() ends what was counted.
    [[nodiscard]] bool enter(const PeerAddress& client) noexcept {
        return addresses_->enter(process_, client.network());
    }
    void leave(const PeerAddress& client) noexcept { addresses_->leave(process_, client.network()); }
    /// Of the worker that runs the calling code.
    [[nodiscard]] WorkerState& worker_state() noexcept;

    /// Into the access log. `body_bytes`: of the response.
    void log_request(const Exchange& exchange, const PeerAddress& peer, const Stages& stages, std::uint16_t status,
                     std::uint64_t body_bytes) noexcept;
    /// X-Request-ID of its answer: a trusted proxy's, else the exchange's; empty if there are none. A view into the
    /// request or `buffer`.
    [[nodiscard]] std::string_view request_id_of(const Exchange& exchange, const PeerAddress& peer,
                                                 RequestId::Text& buffer) const noexcept;
    /// Counts and logs the exception that is being handled. For catch blocks.
    void report_handler_error(std::string_view route) noexcept;
    /// The same, and what the client is told. Memory that ran out is thrown on: then the connection is given up.
    [[nodiscard]] Response answer_handler_error(std::string_view route);

  private:
    runtime::task<void> serve(runtime::Accepted accepted);
    /// What it says of its clients.
    [[nodiscard]] bool is_believed(const PeerAddress& peer) const noexcept;

    const config::Config& config_;
    const http::Limits limits_;
    const runtime::Pace body_pace_;
    const runtime::Pace write_pace_;
    const Sites& sites_;
    const Compression compression_;
    AccessLog& log_;
    AddressCounts* addresses_ = nullptr;
    unsigned process_ = 0;
    StallLog stalls_;
    std::vector<bool> proxied_;  // by listener
    std::vector<std::unique_ptr<WorkerState>> workers_;
};

}  // namespace spindle::pipeline
