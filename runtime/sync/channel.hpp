// SPDX-License-Identifier: Apache-2.0
//
// A bounded queue between flows, as in Go: a full one makes senders wait, an empty one receivers, and one of
// capacity 0 lets each sender meet its receiver. An item goes straight to a receiver that waits.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "runtime/small_mutex.hpp"
#include "runtime/sync/sync_wait.hpp"

namespace spindle::runtime {

/// Any number of senders and receivers, on any thread. T is movable without throwing. First in first out.
template <typename T>
class Channel {
  public:
    class SendAwaiter;
    class ReceiveAwaiter;

    explicit Channel(std::size_t capacity)
        : capacity_(capacity), slots_(std::make_unique<std::optional<T>[]>(capacity)) {}
    ~Channel() { CHECK_THAT(senders_.empty() && receivers_.empty()); }
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    /// co_await → Result<void>. Moves from `item`, which must stay until then, only if it succeeds. EPIPE: closed.
    [[nodiscard]] SendAwaiter send(T& item, std::chrono::nanoseconds timeout = {}) noexcept {
        return {*this, item, timeout};
    }
    /// co_await → Result<T>. EPIPE: closed, and everything sent before has been received.
    [[nodiscard]] ReceiveAwaiter receive(std::chrono::nanoseconds timeout = {}) noexcept { return {*this, timeout}; }

    /// Without waiting, and from any thread. EAGAIN: full. EPIPE: closed.
    [[nodiscard]] Result<void> try_send(T& item) noexcept {
        const Attempt attempt = put(item, nullptr);
        release_all(attempt.woken);
        if (attempt.done) return {};
        return failure(attempt.closed ? EPIPE : EAGAIN);
    }
    /// Without waiting, and from any thread. EAGAIN: empty. EPIPE: closed and empty.
    [[nodiscard]] Result<T> try_receive() noexcept {
        std::optional<T> item;
        const Attempt attempt = get(item, nullptr);
        release_all(attempt.woken);
        if (attempt.done) return std::move(*item);
        return failure(attempt.closed ? EPIPE : EAGAIN);
    }

    /// No more items; who waits is told. What is in the queue may still be received. A second call changes nothing.
    void close() noexcept {
        SyncWait* senders = nullptr;
        SyncWait* receivers = nullptr;
        {
            std::lock_guard lock(mutex_);
            closed_ = true;
            senders = senders_.claim_all(EPIPE);
            receivers = receivers_.claim_all(EPIPE);
        }
        release_all(senders);
        release_all(receivers);
    }

  private:
    class Party;

    /// What came of trying to send or receive.
    struct Attempt {
        bool done = false;
        bool closed = false;
        SyncWait* woken = nullptr;  ///< a claimed wait of the other side, to be released
    };

    // Not done and not closed: `wait`, if given, stands in the list now.
    Attempt put(T& item, SendAwaiter* wait) noexcept {
        std::lock_guard lock(mutex_);
        if (closed_) return {.closed = true};
        if (SyncWait* receiver = receivers_.claim_first()) {
            static_cast<ReceiveAwaiter*>(receiver)->item_.emplace(std::move(item));
            return {.done = true, .woken = receiver};
        }
        if (size_ < capacity_) {
            slots_[(first_ + size_++) % capacity_].emplace(std::move(item));
            return {.done = true};
        }
        if (wait != nullptr) senders_.push(*wait);
        return {};
    }

    Attempt get(std::optional<T>& into, ReceiveAwaiter* wait) noexcept {
        std::lock_guard lock(mutex_);
        if (size_ > 0) {
            std::optional<T>& oldest = slots_[first_];
            into.emplace(std::move(*oldest));
            oldest.reset();
            first_ = (first_ + 1) % capacity_;
            --size_;
            SyncWait* sender = senders_.claim_first();
            if (sender != nullptr) {
                slots_[(first_ + size_++) % capacity_].emplace(std::move(static_cast<SendAwaiter*>(sender)->item_));
            }
            return {.done = true, .woken = sender};
        }
        if (SyncWait* sender = senders_.claim_first()) {  // capacity 0
            into.emplace(std::move(static_cast<SendAwaiter*>(sender)->item_));
            return {.done = true, .woken = sender};
        }
        if (closed_) return {.closed = true};
        if (wait != nullptr) receivers_.push(*wait);
        return {};
    }

    void delist(WaitList& list, SyncWait& wait) noexcept {
        std::lock_guard lock(mutex_);
        list.remove(wait);
    }

    const std::size_t capacity_;
    SmallMutex mutex_;
    std::unique_ptr<std::optional<T>[]> slots_;  // by mutex_, as are all that follow; a ring
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    bool closed_ = false;
    WaitList senders_;
    WaitList receivers_;
};

/// What a sender and a receiver have in common.
template <typename T>
class Channel<T>::Party : public SyncAwaiter {
  protected:
    using SyncAwaiter::SyncAwaiter;
    ~Party() = default;
    /// Nothing is left to wait for.
    bool ends_with(const Attempt& attempt) noexcept {
        closed_ = attempt.closed;
        return attempt.done || attempt.closed;
    }
    /// 0, or an errno.
    [[nodiscard]] int end() noexcept {
        const int ended = this->finish();
        return closed_ ? EPIPE : ended;
    }

  private:
    bool closed_ = false;
};

template <typename T>
class Channel<T>::SendAwaiter final : public Party {
  public:
    SendAwaiter(Channel& channel, T& item, std::chrono::nanoseconds timeout) noexcept
        : Party(timeout), channel_(channel), item_(item) {}
    Result<void> await_resume() noexcept {
        if (const int ended = this->end()) return failure(ended);
        return {};
    }

  private:
    friend class Channel;
    bool take() noexcept override {
        const Attempt attempt = channel_.put(item_, nullptr);
        release_all(attempt.woken);
        return this->ends_with(attempt);
    }
    bool take_or_enlist() noexcept override {
        const Attempt attempt = channel_.put(item_, this);
        if (attempt.woken != nullptr) attempt.woken->release();
        return this->ends_with(attempt);
    }
    void delist() noexcept override { channel_.delist(channel_.senders_, *this); }
    Channel& channel_;
    T& item_;
};

template <typename T>
class Channel<T>::ReceiveAwaiter final : public Party {
  public:
    ReceiveAwaiter(Channel& channel, std::chrono::nanoseconds timeout) noexcept : Party(timeout), channel_(channel) {}
    Result<T> await_resume() noexcept {
        if (const int ended = this->end()) return failure(ended);
        return std::move(*item_);
    }

  private:
    friend class Channel;
    bool take() noexcept override {
        const Attempt attempt = channel_.get(item_, nullptr);
        release_all(attempt.woken);
        return this->ends_with(attempt);
    }
    bool take_or_enlist() noexcept override {
        const Attempt attempt = channel_.get(item_, this);
        if (attempt.woken != nullptr) attempt.woken->release();
        return this->ends_with(attempt);
    }
    void delist() noexcept override { channel_.delist(channel_.receivers_, *this); }
    Channel& channel_;
    std::optional<T> item_;
};

}  // namespace spindle::runtime
