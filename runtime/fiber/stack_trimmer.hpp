// SPDX-License-Identifier: Apache-2.0
//
// The thread that takes unused memory from stacks, once a second:
//   - of stacks that nobody has needed for a second or two it gives back all but the uppermost 16 KiB. Those in a
//     processor's cache come back to the slabs first, which their owner does at its next look at the ring.
//   - of fibers that have waited inside a handler for a second or longer it gives back what lies below where they
//     stand, if that is more than 16 KiB, once a wait.
// Never of a stack that somebody runs upon: a free one is in nobody's hands meanwhile, and a parked fiber is held
// by an Inspection.
//
// A thread of its own, not the monitor: walking over many fibers would delay hand-offs. It walks them at most a
// hundredth of the time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <span>
#include <thread>

#include "runtime/flow.hpp"

namespace spindle::runtime {

class Scheduler;
class StackSlabs;

class StackTrimmer {
  public:
    explicit StackTrimmer(Scheduler& scheduler);
    ~StackTrimmer();  ///< Ends the thread.

  private:
    static constexpr std::chrono::seconds kPeriod{1};
    static constexpr int kWalkShare = 100;  ///< a walk may take one part in so many

    void run();
    void trim_free_stacks();
    void trim_parked_fibers();

    Scheduler& scheduler_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool ending_ = false;  // guarded by mutex_
    std::thread thread_;
};

/// Of the fibers in `flows` that have been parked since before `before` (monotonic ns), gives back the pages below
/// where they stand. The flows cannot end meanwhile. The number trimmed.
std::size_t trim_parked(StackSlabs& slabs, std::span<Flow* const> flows, std::uint64_t before);

}  // namespace spindle::runtime
