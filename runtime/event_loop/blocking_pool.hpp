// SPDX-License-Identifier: Apache-2.0
//
// The few threads that run what handlers declare blocking, so that the loop does not. Jobs live in the
// frames that await them; the queue is bounded and a full one refuses.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/worker.hpp"

namespace spindle::runtime {

class BlockingPool {
  public:
    static constexpr std::size_t kQueuedMax = 1024;

    /// `done` is called on a pool thread after each job ran.
    BlockingPool(unsigned threads, std::function<void(BlockingJob&)> done);
    ~BlockingPool();  ///< Runs what is queued, then joins.

    /// Any thread. False if kQueuedMax jobs wait already or there are no threads.
    [[nodiscard]] bool submit(BlockingJob& job);

  private:
    void work();

    std::function<void(BlockingJob&)> done_;
    std::mutex mutex_;
    std::condition_variable wanted_;
    BlockingJob* head_ = nullptr;  // guarded by mutex_, as are the next three
    BlockingJob* tail_ = nullptr;
    std::size_t queued_ = 0;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace spindle::runtime
