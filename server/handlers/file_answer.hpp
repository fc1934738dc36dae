// SPDX-License-Identifier: Apache-2.0
//
// What is sent of an open file: all of it, parts of it, or only that the client has it already (RFC 9110 sections 13
// and 14). Where the file came from is not its business.
#pragma once

#include <string_view>

#include "server/handlers/static_root.hpp"
#include "server/pipeline/handler.hpp"

namespace spindle::handlers {

/// `type` is of static lifetime. May suspend; the request must stay until then.
[[nodiscard]] runtime::task<http::Response> answer_file(const http::Request& request, OpenFile file,
                                                        std::string_view type);

}  // namespace spindle::handlers
