// SPDX-License-Identifier: Apache-2.0
//
// Reading files into memory, without holding up the thread.
#pragma once

#include <optional>
#include <string>

#include "runtime/task.hpp"
#include "server/handlers/file.hpp"
#include "server/http/range.hpp"

namespace spindle::handlers {

/// Appends a range of an open file; errno if that cannot be. May suspend; all must stay until then.
[[nodiscard]] runtime::task<int> append_range(const File& file, http::ByteRange range, std::string& into);

/// All of it; nothing if it cannot be read, or was written to meanwhile. May suspend; `file` must stay until then.
[[nodiscard]] runtime::task<std::optional<std::string>> read_whole(const File& file);

}  // namespace spindle::handlers
