// SPDX-License-Identifier: Apache-2.0
//
// The fiber backend, Go's model: fibers (G) run on machines (M) that hold processors (P). Whatever a
// handler does, compute or block, only its own connection waits: its processor goes to another machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "runtime/backend.hpp"
#include "runtime/fiber/stacks.hpp"

namespace spindle::runtime {

struct FiberOptions {
    unsigned processors = 1;
    std::uint64_t stack_size = 256 * 1024;  ///< bytes, guard page included
    StackGuard stack_guard = StackGuard::best;
    std::chrono::nanoseconds handoff_after = std::chrono::milliseconds(1);
    unsigned threads_max = 512;
    CounterSlots* counters = nullptr;  ///< a slot a processor; null: own ones
};

[[nodiscard]] std::unique_ptr<Backend> make_fiber(const FiberOptions& options);

}  // namespace spindle::runtime
