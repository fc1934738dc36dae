// SPDX-License-Identifier: Apache-2.0
#include "server/process/stop_signals.hpp"

#include <atomic>

#include <unistd.h>

namespace spindle::process {
namespace {

// What the signal handler can reach.
std::atomic<runtime::Backend*> backend_to_drain{nullptr};
std::atomic<bool> next_one_ends{false};
std::atomic<bool> ends_on_second{false};

void handle(int number) {
    if (next_one_ends.exchange(ends_on_second)) ::_exit(128 + number);
    if (runtime::Backend* backend = backend_to_drain) backend->request_drain();
}

}  // namespace

sigset_t stop_signals() noexcept {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGQUIT}) ::sigaddset(&set, number);
    return set;
}

void block_stop_signals() noexcept {
    const sigset_t set = stop_signals();
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

DrainOnSignal::DrainOnSignal(runtime::Backend& backend, bool second_ends) noexcept {
    backend_to_drain = &backend;
    next_one_ends = false;
    ends_on_second = second_ends;
    struct sigaction action{};
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    // One at a time: the handler's exchange then needs no more than to be atomic between threads.
    action.sa_mask = stop_signals();
    for (const int number : {SIGTERM, SIGINT, SIGQUIT}) ::sigaction(number, &action, nullptr);
    ::pthread_sigmask(SIG_UNBLOCK, &action.sa_mask, nullptr);
}

DrainOnSignal::~DrainOnSignal() {
    block_stop_signals();
    backend_to_drain = nullptr;
}

}  // namespace spindle::process
