// SPDX-License-Identifier: Apache-2.0
//
// The handlers that a configuration can name, and the routes it makes of them.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "server/pipeline/handler.hpp"
#include "server/pipeline/scoreboard.hpp"
#include "server/pipeline/site.hpp"

namespace spindle::handlers {

/// Every name, sorted; static lifetime.
[[nodiscard]] std::span<const std::string_view> known_names();

/// Mounts the routes of all sites, whose handlers are known names. Opens the roots of static routes and reads error
/// pages; the error is one line that names the route, the file and the cause. `board` outlives the sites.
[[nodiscard]] std::expected<pipeline::Sites, std::string> make_sites(const config::Config& config,
                                                                     const pipeline::Scoreboard& board);

}  // namespace spindle::handlers
