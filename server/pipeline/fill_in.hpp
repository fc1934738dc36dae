// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "config/text_template.hpp"
#include "server/http/request.hpp"
#include "server/pipeline/handler.hpp"
#include "server/pipeline/router.hpp"

namespace spindle::pipeline {

enum class Encoding { none, percent };

/// The template with the request's own in its places: parameters of the route, and {host}, {path}, {query}, {uri} (path
/// and query), {scheme}. A name that is neither stays empty. Encoding::percent: paths as they stand in a URI.
[[nodiscard]] std::string fill_in(const config::TextTemplate& text, const Route& route, const http::Request& request,
                                  Encoding encoding, std::string_view scheme = {});

}  // namespace spindle::pipeline
