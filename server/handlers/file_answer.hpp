// SPDX-License-Identifier: Apache-2.0
//
// What is sent of a representation: all of it, parts of it, or only that the client has it already (RFC 9110 sections
// 13 and 14). Which one was chosen, and where its file came from, is not its business.
#pragma once

#include <optional>

#include "server/handlers/representation.hpp"
#include "server/http/request.hpp"
#include "server/http/response.hpp"

namespace spindle::handlers {

/// If the file lies in memory and all of it is asked for. Of a representation that is the only one.
[[nodiscard]] std::optional<http::Response> answer_from_memory(const http::Request& request,
                                                               const Representation& only);

/// May suspend; the request must stay until then.
[[nodiscard]] runtime::task<http::Response> answer_file(const http::Request& request, Representation chosen);

}  // namespace spindle::handlers
