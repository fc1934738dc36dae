// SPDX-License-Identifier: Apache-2.0
#include "server/process/stop_signals.hpp"

#include <cstdlib>
#include <utility>

#include "server/process/dump_log.hpp"

namespace spindle::process {

sigset_t stop_signals() noexcept {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGQUIT}) ::sigaddset(&set, number);
    return set;
}

int dump_signal() noexcept { return SIGRTMIN + 1; }

bool reopens_logs(int signal) noexcept { return signal == SIGUSR1 || signal == SIGHUP; }

sigset_t watched_signals() noexcept {
    sigset_t set = stop_signals();
    for (const int number : {dump_signal(), SIGUSR1, SIGHUP}) ::sigaddset(&set, number);
    return set;
}

void block_watched_signals() noexcept {
    const sigset_t set = watched_signals();
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

SignalWatch::SignalWatch(runtime::Backend& backend, bool second_ends, std::function<void()> reopen_logs)
    : backend_(backend),
      second_ends_(second_ends),
      reopen_logs_(std::move(reopen_logs)),
      thread_([this] { watch(); }) {}

// One of the three, to the thread alone, ends its wait.
SignalWatch::~SignalWatch() {
    ending_.store(true, std::memory_order_release);
    ::pthread_kill(thread_.native_handle(), SIGINT);
    thread_.join();
}

void SignalWatch::watch() {
    const sigset_t watched = watched_signals();
    bool drains = false;
    while (true) {
        int number = 0;
        if (::sigwait(&watched, &number) != 0) continue;
        if (ending_.load(std::memory_order_acquire)) return;
        if (number == dump_signal()) {
            write_dump(backend_);
            continue;
        }
        if (reopens_logs(number)) {
            reopen_logs_();
            continue;
        }
        if (drains && second_ends_) std::quick_exit(128 + number);
        drains = true;
        backend_.request_drain();
    }
}

}  // namespace spindle::process
