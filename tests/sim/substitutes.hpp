// SPDX-License-Identifier: Apache-2.0
//
// Included before everything else where runtime/fiber is compiled for virtual threads: in its sources the
// standard's names then mean what primitives.hpp has instead, and the ring is substitutes/runtime/reactor.
// Not a line of the code under test knows of it.
//
// What is included here is not explored: its atomics are figures and what dumps show, which decide nothing.
//
// Rejected: aliases for these types in runtime/fiber (as tokio has for loom), which everybody would have to
// remember; a model of the code (tests/model has one), which may be right where the code is wrong.
#pragma once

#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <ctime>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "runtime/backend.hpp"
#include "runtime/cycle_clock.hpp"
#include "runtime/fiber/inspection.hpp"
#include "runtime/fiber/stack_trimmer.hpp"
#include "runtime/fiber/stacks.hpp"
#include "runtime/io.hpp"
#include "runtime/run_meter.hpp"
#include "runtime/worker_counters.hpp"
#include "tests/sim/fake_kernel.hpp"
#include "tests/sim/primitives.hpp"

namespace std {
template <class T>
using sim_atomic = spindle::sim::Atomic<T>;
using sim_mutex = spindle::sim::Mutex;
using sim_binary_semaphore = spindle::sim::Semaphore;
using sim_thread = spindle::sim::Thread;
namespace chrono {
using sim_steady_clock = spindle::sim::Clock;
}
namespace sim_this_thread {
using spindle::sim::sleep_for;
}
}  // namespace std

#define atomic sim_atomic
#define mutex sim_mutex
#define binary_semaphore sim_binary_semaphore
#define thread sim_thread
#define steady_clock sim_steady_clock
#define this_thread sim_this_thread
#define clock_gettime spindle::sim::clock_gettime
#define accept4 spindle::sim::accept4
#define sched_getaffinity spindle::sim::sched_getaffinity

// Overflow, the half that is stolen, and the room that bounds a poll come into play with few fibers.
#include "runtime/fiber/run_queue.hpp"
namespace spindle::runtime {
template <class T>
using SmallRunQueue = RunQueue<T, 4>;
}
#define RunQueue SmallRunQueue

// What is decided by it is decided by the seed.
namespace spindle::runtime {
struct SimulatedCycleClock : CycleClock {
    [[nodiscard]] static std::uint64_t now() noexcept {
        const auto since_epoch = sim::Clock::now().time_since_epoch();
        return static_cast<std::uint64_t>(std::chrono::nanoseconds(since_epoch).count());
    }
};
}  // namespace spindle::runtime
#define CycleClock SimulatedCycleClock
