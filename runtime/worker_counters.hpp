// SPDX-License-Identifier: Apache-2.0
//
// What one worker writes about itself, under the same names for both backends; figures.hpp reads it. About
// 1.2 KiB, in a slot of shared memory (shared_slots.hpp).
#pragma once

#include <cstdint>

#include "runtime/counter.hpp"
#include "runtime/histogram.hpp"
#include "runtime/note.hpp"

namespace spindle::runtime {

/// Meanings: Figures in figures.hpp. Written by the worker unless something else is said; under `fiber` the
/// monitor is the worker while it holds a processor that it has retaken.
struct WorkerCounters {
    // At each dispatch or poll.
    Counter dispatched;
    Counter busy;        ///< ns, up to the last wait
    Counter busy_since;  ///< CycleClock; 0 while it waits
    Counter runnable;    ///< event_loop: by the loop; fiber: by refresh_figures()
    Histogram delay;
    Histogram run;

    SharedCounter closed;  ///< of those that this worker accepted, by whoever closed them
    Counter accepted, accepts_paused, accept_errors, shed_descriptors, shed_memory, buffers_exhausted, stalls, steals,
        handoffs, blocking_calls, blocking_refused, cut;
    Counter started;  ///< CycleClock; 0: not yet
    Note longest;     ///< the longest run, ns, and its route

    SharedCounter blocking_done;  ///< jobs that ran, their flows not yet
    Counter blocking_queued;      ///< under the pool's mutex, as is the next under event_loop
    Counter threads_idle;         ///< fiber: this and those below in the first slot only, by refresh_figures()
    Counter threads;              ///< event_loop: once
    Counter threads_stuck;        ///< event_loop: by the watchdog, as is the next
    Note stuck;                   ///< how many handlers, and their routes
    Counter global_queue;         ///< fiber
    Counter handoffs_refused;     ///< fiber
    Counter stack_bytes_max;      ///< fiber

    // Of the departed.
    Counter elapsed;   ///< ns that they lived
    Counter restarts;  ///< how many they are

    /// Of a worker that has died: its totals; its connections died with it.
    void absorb(const WorkerCounters& dead);
};

}  // namespace spindle::runtime
