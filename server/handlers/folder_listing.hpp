// SPDX-License-Identifier: Apache-2.0
//
// What is in a folder, as a page or as JSON. Only what can be asked for is shown: no names that begin with a dot, no
// links that lead out of the folder, or are not followed.
#pragma once

#include "runtime/task.hpp"
#include "server/handlers/static_root.hpp"
#include "server/http/request.hpp"
#include "server/http/response.hpp"

namespace spindle::handlers {

/// Sorted by the query: `sort` is name, size or modified, `order` asc or desc; folders first. JSON for those who accept
/// application/json rather than text/html. `folder` was found below `root`. Reads the folder where blocking harms nobody.
[[nodiscard]] runtime::task<http::Response> list_folder(const http::Request& request, const StaticRoot& root,
                                                        FilePointer folder);

}  // namespace spindle::handlers
