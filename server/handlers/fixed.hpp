// SPDX-License-Identifier: Apache-2.0
//
// Answers that the configuration has in it: redirects and fixed texts.
#pragma once

#include "config/config.hpp"
#include "server/pipeline/handler.hpp"

namespace spindle::handlers {

/// Location is route.to, filled in for each request.
[[nodiscard]] pipeline::Handler make_redirect(const config::Route& route);

/// route.body, with its status and type.
[[nodiscard]] pipeline::Handler make_respond(const config::Route& route);

/// What answers where rewrites lead in a circle; else a route with a rewrite answers nothing itself.
[[nodiscard]] pipeline::Response rewritten_too_often(pipeline::Request& request, pipeline::Context& context);

}  // namespace spindle::handlers
