// SPDX-License-Identifier: Apache-2.0
//
// A list that any thread pushes to and one thread empties: how others reach the owner of a loop or a ring.
#pragma once

#include <atomic>
#include <utility>

namespace spindle::runtime {

/// `T` has a `T* next`, which is the inbox's from push() until the item is taken. Owns nothing. Whoever pushes wakes
/// the owner afterwards.
template <typename T>
class Inbox {
  public:
    /// Any thread.
    void push(T& item) noexcept {
        item.next = newest_.load(std::memory_order_relaxed);
        while (!newest_.compare_exchange_weak(item.next, &item, std::memory_order_release, std::memory_order_relaxed)) {
        }
    }
    /// By the owner, as is the next: a hint.
    [[nodiscard]] bool empty() const noexcept { return newest_.load(std::memory_order_relaxed) == nullptr; }
    /// Empties it and calls take(T&) for each, oldest first; the item may be gone afterwards.
    template <typename Take>
    void take_all(Take take) noexcept {
        T* newest = newest_.exchange(nullptr, std::memory_order_acquire);
        T* oldest = nullptr;
        while (newest != nullptr) {
            T* following = std::exchange(newest->next, oldest);
            oldest = std::exchange(newest, following);
        }
        while (oldest != nullptr) {
            T& item = *std::exchange(oldest, oldest->next);
            take(item);
        }
    }

  private:
    std::atomic<T*> newest_{nullptr};
};

}  // namespace spindle::runtime
