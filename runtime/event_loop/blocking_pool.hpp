// SPDX-License-Identifier: Apache-2.0
//
// The few threads that run what handlers declare blocking, so that the loop does not. Jobs live in the
// frames that await them; the queue is bounded and a full one refuses: work that waits longer than its
// client does is done for nobody.
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
    struct Options {
        unsigned threads = 4;
        std::size_t queue_max = 1024;  ///< jobs that wait while all threads are at work
    };

    /// `done` is called on a pool thread after each job ran. Writes blocking_queued and threads_idle.
    /// std::system_error if there are not that many threads to be had.
    BlockingPool(Options options, WorkerCounters& counters, std::function<void(BlockingJob&)> done);
    ~BlockingPool();  ///< Runs what is queued, then joins.

    /// Any thread. False if every thread has a job and queue_max more wait.
    [[nodiscard]] bool submit(BlockingJob& job);

  private:
    void work();
    void end() noexcept;
    void show_locked() noexcept;

    const Options options_;
    WorkerCounters& counters_;
    std::function<void(BlockingJob&)> done_;
    std::mutex mutex_;
    std::condition_variable wanted_;
    BlockingJob* head_ = nullptr;  // guarded by mutex_, as are the next four
    BlockingJob* tail_ = nullptr;
    std::size_t queued_ = 0;
    std::size_t running_ = 0;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace spindle::runtime
