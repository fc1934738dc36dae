// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/thread_state.hpp"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <semaphore>
#include <thread>

#include <doctest/doctest.h>

using spindle::runtime::is_asleep;

namespace {

int this_thread() { return static_cast<int>(::syscall(SYS_gettid)); }

}  // namespace

TEST_CASE("A thread that computes is not asleep, one that waits is, whatever its name") {
    std::atomic<int> id = 0;
    std::binary_semaphore compute{0};
    std::atomic<bool> over = false;
    std::thread thread([&] {
        ::pthread_setname_np(::pthread_self(), "a) R (b) S");
        id = this_thread();
        compute.acquire();
        while (!over) {
        }
    });
    while (id == 0 || !is_asleep(id)) std::this_thread::yield();
    compute.release();
    while (is_asleep(id)) std::this_thread::yield();
    bool ever = false;
    for (int i = 0; i < 1000; ++i) ever = ever || is_asleep(id);
    CHECK_FALSE(ever);
    over = true;
    thread.join();
    CHECK(is_asleep(id));  // nothing is known of it any more
}
