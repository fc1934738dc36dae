// SPDX-License-Identifier: Apache-2.0
//
// The global run queue: what no processor's own queue holds. First in first out, intrusive through
// T::next, behind a mutex: it is touched every 61st tick, at overflow and by threads without a
// processor.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <span>

namespace spindle::runtime {

/// Any thread. T has `T* next`, which is the queue's while the item is queued. Owns no items;
/// allocates nothing; never waits for more than a few pointer writes of another thread.
template <class T>
class GlobalQueue {
  public:
    GlobalQueue() = default;
    GlobalQueue(const GlobalQueue&) = delete;
    GlobalQueue& operator=(const GlobalQueue&) = delete;

    void push(T* item) {
        item->next = nullptr;
        append(item, item, 1);
    }

    /// Appends all, in order, without anything between them.
    void push(std::span<T* const> items) {
        if (items.empty()) return;
        for (std::size_t i = 0; i + 1 < items.size(); ++i) items[i]->next = items[i + 1];
        items.back()->next = nullptr;
        append(items.front(), items.back(), items.size());
    }

    /// The oldest item, or null.
    [[nodiscard]] T* pop() { return pop(1); }

    /// Up to `count` of the oldest items, oldest first, linked through `next` and ended by null.
    [[nodiscard]] T* pop(std::size_t count) {
        if (count == 0 || empty()) return nullptr;
        std::lock_guard lock(mutex_);
        T* first = head_;
        if (first == nullptr) return nullptr;
        T* last = first;
        std::size_t taken = 1;
        for (; taken < count && last->next != nullptr; ++taken) last = last->next;
        head_ = last->next;
        if (head_ == nullptr) tail_ = nullptr;
        last->next = nullptr;
        size_.store(size() - taken, std::memory_order_release);
        return first;
    }

    /// Without the lock: what was so a moment ago. Who goes to sleep on it must order the look
    /// himself (a sequentially consistent fence after announcing the sleep, as the pushing side
    /// after pushing).
    [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  private:
    void append(T* first, T* last, std::size_t count) {
        std::lock_guard lock(mutex_);
        (tail_ == nullptr ? head_ : tail_->next) = first;
        tail_ = last;
        size_.store(size() + count, std::memory_order_release);
    }

    mutable std::mutex mutex_;
    T* head_ = nullptr;                 // by mutex_
    T* tail_ = nullptr;                 // by mutex_
    std::atomic<std::size_t> size_{0};  // written under mutex_
};

}  // namespace spindle::runtime
