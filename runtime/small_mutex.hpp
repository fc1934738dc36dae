// SPDX-License-Identifier: Apache-2.0
//
// A mutex of four bytes, a tenth of std::mutex, for what is held for some nanoseconds only. One atomic operation, for
// locking: letting go is a plain store, so nobody is called who waits. They look again for some microseconds, and
// then, since the holder has lost its CPU, from time to time.
#pragma once

#include <atomic>
#include <cstdint>

namespace spindle::runtime {

/// For std::lock_guard; not recursive. Held without suspending and without calling user code.
class SmallMutex {
  public:
    SmallMutex() = default;
    SmallMutex(const SmallMutex&) = delete;
    SmallMutex& operator=(const SmallMutex&) = delete;

    void lock() noexcept {
        while (held_.exchange(1, std::memory_order_acquire) != 0) wait();
    }
    void unlock() noexcept { held_.store(0, std::memory_order_release); }

  private:
    /// Until it looks free.
    void wait() const noexcept;

    std::atomic<std::uint32_t> held_{0};
};

}  // namespace spindle::runtime
