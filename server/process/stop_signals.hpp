// SPDX-License-Identifier: Apache-2.0
//
// SIGTERM, SIGINT and SIGQUIT end the server: the first drains, a second ends at once. They are blocked from the
// first line of main() until somebody can act on them, so none is lost. SIGRTMIN+1 asks for a dump of what every flow
// of control does, SIGUSR1 and SIGHUP to open the logs anew (after a rotation); they are treated the same way.
//
// They are waited for by a thread of their own and not caught by handlers: what they cause is ordinary code, it does
// not depend on what the loops are stuck in, and no signal is left behind on a fiber's stack (the thread sanitizer
// keeps one for the context that it interrupted, which may not run again).
#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

#include "runtime/backend.hpp"

namespace spindle::process {

/// The three.
[[nodiscard]] sigset_t stop_signals() noexcept;

/// Not one of the signals that mean something elsewhere: HUP, USR1, USR2, QUIT.
[[nodiscard]] int dump_signal() noexcept;
[[nodiscard]] bool reopens_logs(int signal) noexcept;
/// All of them.
[[nodiscard]] sigset_t watched_signals() noexcept;

/// Keeps all of them pending. In main(), before any thread.
void block_watched_signals() noexcept;

/// While it lives, a stop signal drains `backend`, which must outlive it, a dump signal dumps it to the error log, and
/// one that reopens logs calls `reopen_logs`, on a thread of its own.
class SignalWatch {
  public:
    /// `second_ends`: a second signal ends the process with 128 + its number. Not for supervised workers, which may
    /// get one signal twice: from the supervisor, and from a terminal or service manager that signals all processes.
    SignalWatch(runtime::Backend& backend, bool second_ends, std::function<void()> reopen_logs);
    ~SignalWatch();
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;

  private:
    void watch();

    runtime::Backend& backend_;
    const bool second_ends_;
    const std::function<void()> reopen_logs_;
    std::atomic<bool> ending_{false};
    std::thread thread_;
};

}  // namespace spindle::process
