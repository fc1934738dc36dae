// SPDX-License-Identifier: Apache-2.0
//
// A mutex of four bytes, a tenth of std::mutex, for what each waiting connection has one of. One atomic exchange
// each way while nobody else wants it; whoever waits, waits in the kernel (Drepper, Futexes Are Tricky, mutex 2).
#pragma once

#include <atomic>
#include <cstdint>

namespace spindle::runtime {

/// For std::lock_guard; not recursive. Held without suspending.
class SmallMutex {
  public:
    SmallMutex() = default;
    SmallMutex(const SmallMutex&) = delete;
    SmallMutex& operator=(const SmallMutex&) = delete;

    void lock() noexcept {
        int expected = kFree;
        if (state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire, std::memory_order_relaxed))
            return;
        while (state_.exchange(kWanted, std::memory_order_acquire) != kFree) {
            state_.wait(kWanted, std::memory_order_relaxed);
        }
    }
    void unlock() noexcept {
        if (state_.exchange(kFree, std::memory_order_release) == kWanted) state_.notify_one();
    }

  private:
    static constexpr int kFree = 0;
    static constexpr int kHeld = 1;
    static constexpr int kWanted = 2;  ///< held, and somebody waits

    std::atomic<int> state_{kFree};  // an int: what the kernel can wait upon without a table of the library's
};

}  // namespace spindle::runtime
