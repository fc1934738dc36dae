// SPDX-License-Identifier: Apache-2.0
#include "runtime/small_mutex.hpp"

#include <ctime>

#include "runtime/relax.hpp"

namespace spindle::runtime {

namespace {

constexpr int kLooks = 100;  // some microseconds
constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 50'000};

}  // namespace

void SmallMutex::wait() const noexcept {
    for (int look = 1; held_.load(std::memory_order_relaxed) != 0; ++look) {
        if (look % kLooks == 0) ::nanosleep(&kPause, nullptr);
        else relax();
    }
}

}  // namespace spindle::runtime
