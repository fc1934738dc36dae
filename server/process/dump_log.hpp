// SPDX-License-Identifier: Apache-2.0
//
// A dump goes to the error log, whatever its level: somebody asked for it.
#pragma once

#include "runtime/backend.hpp"

namespace spindle::process {

/// What every flow of control of `backend` does, a line each, "dump: " in front; the last line ends with "end of dump".
void write_dump(runtime::Backend& backend) noexcept;

}  // namespace spindle::process
