// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/pipeline/handler.hpp"
#include "server/pipeline/scoreboard.hpp"

namespace spindle::handlers {

/// The figures of all workers of the server, under the same names for both backends: text for a terminal, or
/// JSON where `Accept: application/json` or `?format=json` asks for it. `board` outlives the handler.
[[nodiscard]] pipeline::PlainHandler make_status(const pipeline::Scoreboard& board);

}  // namespace spindle::handlers
