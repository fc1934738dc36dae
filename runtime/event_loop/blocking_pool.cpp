// SPDX-License-Identifier: Apache-2.0
#include "runtime/event_loop/blocking_pool.hpp"

#include <algorithm>

#include "runtime/overflow_reporter.hpp"

namespace spindle::runtime {

BlockingPool::BlockingPool(Options options, WorkerCounters& counters, std::function<void(BlockingJob&)> done)
    : options_(options), counters_(counters), done_(std::move(done)) {
    show_locked();  // no thread yet
    threads_.reserve(options.threads);
    try {
        for (unsigned i = 0; i < options.threads; ++i) threads_.emplace_back([this] { work(); });
    } catch (...) {  // no more threads are to be had: those that there are must not outlive this
        end();
        throw;
    }
}

BlockingPool::~BlockingPool() { end(); }

void BlockingPool::end() noexcept {
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
        // A job that a free thread has not taken yet does not count as waiting.
        if (queued_ + running_ >= options_.threads + options_.queue_max) return false;
        job.next = nullptr;
        (tail_ == nullptr ? head_ : tail_->next) = &job;
        tail_ = &job;
        ++queued_;
        show_locked();
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
        ++running_;
        show_locked();
        lock.unlock();
        job.run(job);
        // Free before the flow goes on, which may ask for the next job at once.
        lock.lock();
        --running_;
        show_locked();
        lock.unlock();
        done_(job);
        lock.lock();
    }
}

void BlockingPool::show_locked() noexcept {
    const std::size_t free = options_.threads - running_;
    counters_.blocking_queued.set(queued_ - std::min(queued_, free));
    counters_.threads_idle.set(free - std::min(queued_, free));
}

}  // namespace spindle::runtime
