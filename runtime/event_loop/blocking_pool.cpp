// SPDX-License-Identifier: Apache-2.0
#include "runtime/event_loop/blocking_pool.hpp"

#include "runtime/overflow_reporter.hpp"

namespace spindle::runtime {

BlockingPool::BlockingPool(unsigned threads, std::function<void(BlockingJob&)> done) : done_(std::move(done)) {
    threads_.reserve(threads);
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

BlockingPool::~BlockingPool() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wanted_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

bool BlockingPool::submit(BlockingJob& job) {
    {
        std::lock_guard lock(mutex_);
        if (queued_ >= kQueuedMax || threads_.empty()) return false;
        job.next = nullptr;
        (tail_ == nullptr ? head_ : tail_->next) = &job;
        tail_ = &job;
        ++queued_;
    }
    wanted_.notify_one();
    return true;
}

void BlockingPool::work() {
    const AlternateSignalStack for_overflows;
    std::unique_lock lock(mutex_);
    while (true) {
        wanted_.wait(lock, [this] { return head_ != nullptr || stopping_; });
        if (head_ == nullptr) return;
        BlockingJob& job = *head_;
        head_ = job.next;
        if (head_ == nullptr) tail_ = nullptr;
        --queued_;
        lock.unlock();
        job.run(job);
        done_(job);
        lock.lock();
    }
}

}  // namespace spindle::runtime
