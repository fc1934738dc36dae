// SPDX-License-Identifier: Apache-2.0
#include "runtime/worker.hpp"

namespace spindle::runtime {

namespace {
thread_local Worker* this_threads_worker = nullptr;
}

Worker& current_worker() noexcept {
    Worker* worker = this_threads_worker;
    asm volatile("" : "+r"(worker)::"memory");
    return *worker;
}

Worker* current_worker_or_null() noexcept {
    Worker* worker = this_threads_worker;
    asm volatile("" : "+r"(worker)::"memory");
    return worker;
}

void set_current_worker(Worker* worker) noexcept {
    this_threads_worker = worker;
    asm volatile("" ::: "memory");
}

}  // namespace spindle::runtime
