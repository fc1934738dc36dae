// SPDX-License-Identifier: Apache-2.0
//
// What is known of a worker (an event loop or a processor), or of several together: the same figures under
// both backends, so that they can be compared. Durations in nanoseconds.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/histogram.hpp"
#include "runtime/worker_counters.hpp"

namespace spindle::runtime {

struct Figures {
    // Since the beginning.
    std::uint64_t elapsed = 0;     ///< since the worker began; of several their sum
    std::uint64_t busy = 0;        ///< of it, between the return of one wait in the ring and the next one
    HistogramReading delay;        ///< from runnable to running
    HistogramReading run;          ///< one flow, from one scheduler point to the next: nobody else ran meanwhile
    std::uint64_t longest = 0;     ///< the longest run
    std::string longest_route;     ///< the last handler in it; empty: in none
    std::uint64_t dispatched = 0;  ///< flows of control resumed
    std::uint64_t accepted = 0;
    std::uint64_t accepts_paused = 0;     ///< times that the most connections were there, and others had to wait
    std::uint64_t accept_errors = 0;      ///< EMFILE, ENFILE, ENOBUFS, ENOMEM
    std::uint64_t shed_descriptors = 0;   ///< connections closed at once: no descriptor was left
    std::uint64_t shed_memory = 0;        ///< the same: no memory
    std::uint64_t buffers_exhausted = 0;  ///< receives that found no buffer of the worker's
    std::uint64_t stalls = 0;             ///< runs longer than lag_warning (when they end), or handoff_after
    std::uint64_t steals = 0;             ///< flows taken from another worker (fiber)
    std::uint64_t handoffs = 0;           ///< times that the worker went to another thread (fiber)
    std::uint64_t handoffs_refused = 0;   ///< not done, since threads_max was reached (fiber)
    std::uint64_t blocking_calls = 0;     ///< blocking() runs
    std::uint64_t blocking_refused = 0;   ///< blocking() that found the queue full (event_loop)
    std::uint64_t cut = 0;                ///< flows cancelled at the end of the drain time
    std::uint64_t restarts = 0;           ///< workers that died and were replaced

    // Now.
    std::uint64_t connections = 0;      ///< open, of those that the worker accepted
    std::uint64_t runnable = 0;         ///< flows that could run and wait for their turn
    std::uint64_t global_queue = 0;     ///< of them, those that no worker has taken yet (fiber)
    std::uint64_t blocking_queued = 0;  ///< blocking() that waits for a thread (event_loop)
    std::uint64_t threads = 0;
    std::uint64_t threads_stuck = 0;  ///< in a handler that stalls
    std::uint64_t threads_idle = 0;
    std::uint64_t stack_bytes_max = 0;  ///< the deepest use of a stack, looked at now and then, to a page (fiber)
    std::string stuck_routes;           ///< of the handlers that stall

    /// busy / elapsed.
    [[nodiscard]] double utilisation() const noexcept;
    Figures& operator+=(const Figures& other);
};

/// Any thread, also of another process.
[[nodiscard]] Figures read_figures(const WorkerCounters& counters);

}  // namespace spindle::runtime
