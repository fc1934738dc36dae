// SPDX-License-Identifier: Apache-2.0
#include "runtime/event_loop/blocking_pool.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <latch>

using namespace spindle::runtime;

namespace {

/// Runs until it is released.
struct HeldJob : BlockingJob {
    std::latch* started = nullptr;
    std::latch* released = nullptr;
    HeldJob() {
        run = [](BlockingJob& job) noexcept {
            HeldJob& self = static_cast<HeldJob&>(job);
            self.started->count_down();
            self.released->wait();
        };
    }
};

struct Held {
    std::array<HeldJob, 8> jobs;
    std::latch started;
    std::latch released{1};
    explicit Held(int threads) : started(threads) {
        for (HeldJob& job : jobs) {
            job.started = &started;
            job.released = &released;
        }
    }
};

}  // namespace

TEST_CASE("blocking pool: refuses what neither a thread nor the queue has room for") {
    // Of more jobs than threads each counts down, so the latch has one count a job.
    Held held(5);
    WorkerCounters counters;
    std::atomic<int> done{0};
    {
        BlockingPool pool({.threads = 2, .queue_max = 3}, counters, [&](BlockingJob&) { ++done; });
        CHECK(counters.threads_idle.read() == 2);
        for (int i = 0; i < 5; ++i) CHECK(pool.submit(held.jobs[i]));
        CHECK_FALSE(pool.submit(held.jobs[5]));
        CHECK(counters.blocking_queued.read() == 3);
        CHECK(counters.threads_idle.read() == 0);
        held.released.count_down();
        held.started.wait();
    }
    CHECK(done == 5);
    CHECK(counters.blocking_queued.read() == 0);
    CHECK(counters.threads_idle.read() == 2);
}

TEST_CASE("blocking pool: without a queue it takes as many jobs as it has threads, at once") {
    Held held(2);
    WorkerCounters counters;
    std::atomic<int> done{0};
    BlockingPool pool({.threads = 2, .queue_max = 0}, counters, [&](BlockingJob&) {
        ++done;
        done.notify_all();
    });
    CHECK(pool.submit(held.jobs[0]));
    CHECK(pool.submit(held.jobs[1]));
    CHECK_FALSE(pool.submit(held.jobs[2]));
    held.released.count_down();
    for (int now = done; now < 2; now = done) done.wait(now);
    // A thread is free before the job is told to be done.
    HeldJob again;
    std::latch started(1);
    again.started = &started;
    again.released = &held.released;
    CHECK(pool.submit(again));
    started.wait();
}
