// SPDX-License-Identifier: Apache-2.0
//
// SIGTERM, SIGINT and SIGQUIT end the server: the first drains, a second ends at once. They are blocked from the
// first line of main() until somebody can act on them, so none is lost.
#pragma once

#include <csignal>

#include "runtime/backend.hpp"

namespace spindle::process {

/// The three.
[[nodiscard]] sigset_t stop_signals() noexcept;

/// Keeps them pending. In main(), before any thread.
void block_stop_signals() noexcept;

/// While it lives, a stop signal drains `backend`. One at a time in a process; on its main thread.
class DrainOnSignal {
  public:
    /// `second_ends`: a second signal ends the process with 128 + its number. Not for supervised workers, which may
    /// get one signal twice: from the supervisor, and from a terminal or service manager that signals all processes.
    DrainOnSignal(runtime::Backend& backend, bool second_ends) noexcept;
    ~DrainOnSignal();
    DrainOnSignal(const DrainOnSignal&) = delete;
    DrainOnSignal& operator=(const DrainOnSignal&) = delete;
};

}  // namespace spindle::process
