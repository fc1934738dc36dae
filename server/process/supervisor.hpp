// SPDX-License-Identifier: Apache-2.0
//
// Keeps N worker processes: forks them, says why one died and replaces it, with back-off when it dies young;
// passes stop signals on. Serves nothing itself, so that nothing a client sends can reach it.
#pragma once

#include <functional>

namespace spindle::process {

struct Supervised {
    unsigned processes = 1;
    /// What a worker does, in its process; the value is its exit code. It calls `ready` when it accepts connections.
    std::function<int(unsigned number, const std::function<void()>& ready)> run;
    /// When a worker has ended unasked, before another one takes its number.
    std::function<void(unsigned number)> on_death;
    /// When all workers accept connections for the first time.
    std::function<void()> on_ready;
    std::function<void()> reopen_logs;  ///< of this process, when a signal asks for it
};

/// Until a stop signal ended all workers, or the first one could not start. The exit code of the program. Needs
/// blocked stop signals, and a process without other threads.
[[nodiscard]] int supervise(const Supervised& supervised);

}  // namespace spindle::process
