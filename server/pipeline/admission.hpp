// SPDX-License-Identifier: Apache-2.0
//
// Who may ask: what a route answers instead of asking its handler, because of where a request comes from, how it came,
// or how many did.
#pragma once

#include <chrono>
#include <optional>

#include "server/pipeline/client_address.hpp"
#include "server/pipeline/handler.hpp"
#include "server/pipeline/reason.hpp"

namespace spindle::pipeline {

struct Refusal {
    Response response;
    std::optional<Reason> reason;  ///< to be counted
};

/// `route` null: there is none for the path. Nothing: the client may ask, and has done so once more. `now` is of the clock of RateLimiter::take.
[[nodiscard]] std::optional<Refusal> refusal_of(const Route* route, const Request& request, const Client& client,
                                                std::chrono::nanoseconds now);

}  // namespace spindle::pipeline
