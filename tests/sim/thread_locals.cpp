// SPDX-License-Identifier: Apache-2.0
//
// The two sources that keep something for each thread, compiled so that it is kept for each virtual thread:
// their variables become the process', and are exchanged whenever another virtual thread has its turn.
#include "tests/sim/thread_locals.hpp"

#define thread_local
#include "runtime/fiber/machine.cpp"
#include "runtime/worker.cpp"
#undef thread_local

namespace spindle::sim {

void swap_thread_locals(ThreadLocals& others) noexcept {
    auto* const machine = runtime::this_threads_machine;
    auto* const worker = runtime::this_threads_worker;
    runtime::this_threads_machine = static_cast<runtime::Machine*>(others.machine);
    runtime::this_threads_worker = static_cast<runtime::Worker*>(others.worker);
    others = {machine, worker};
}

}  // namespace spindle::sim
