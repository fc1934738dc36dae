// SPDX-License-Identifier: Apache-2.0
//
// A connected stream socket as a flow of control uses it: receive into the reactor's buffers, send with
// back-pressure, close without losing an operation. One flow at a time; it may change threads between
// calls. The connection's waits belong to the pipeline: they give the fiber's stack back.
//
// event_loop: one multishot receive stays armed, and data is queued here until asked for (bounded: a
// client that outruns us is disarmed). fiber: the socket stands in the reactor's Readiness, and is received from when
// an event comes or when it is known to have more; it moves there when its fiber comes to wait on another processor.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <string_view>
#include <utility>

#include <sys/uio.h>

#include "runtime/error.hpp"
#include "runtime/patience.hpp"
#include "runtime/peer_watch.hpp"
#include "runtime/reactor/operation.hpp"
#include "runtime/reactor/reactor.hpp"
#include "runtime/task.hpp"
#include "runtime/wait_awaiter.hpp"

namespace spindle::runtime {

/// Bytes received; empty at the end of the stream. Owns its buffer until destroyed or release()d.
class Received {
  public:
    Received() = default;
    Received(Received&& other) noexcept
        : reactor_(std::exchange(other.reactor_, nullptr)), data_(other.data_), size_(other.size_), id_(other.id_) {
        other.data_ = nullptr;
        other.size_ = 0;
    }
    Received& operator=(Received&& other) noexcept {
        std::swap(reactor_, other.reactor_);
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(id_, other.id_);
        return *this;
    }
    ~Received() { release(); }

    [[nodiscard]] std::string_view bytes() const noexcept { return {data_, size_}; }
    /// Gives the buffer back now. On a runtime thread.
    void release() noexcept;

  private:
    friend class Socket;
    Received(Reactor* reactor, char* data, std::uint32_t size, std::uint32_t id) noexcept
        : reactor_(reactor), data_(data), size_(size), id_(id) {}

    Reactor* reactor_ = nullptr;  ///< null: data_ is heap memory of its own
    char* data_ = nullptr;
    std::uint32_t size_ = 0;
    std::uint32_t id_ = BufferRing::kNone;
};

class Socket : Wait {
  public:
    /// Takes over a connected descriptor.
    explicit Socket(int descriptor) noexcept;
    ~Socket();
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

    /// Awaitable: Result<Received>. Errors: ETIMEDOUT; ECANCELED (the worker drains and `idle` was said,
    /// or it stops); ECONNRESET and the like. Zero timeout: none. What is `idle` waits in no scope.
    class ReceiveAwaiter;
    [[nodiscard]] ReceiveAwaiter receive(std::chrono::nanoseconds timeout, bool idle = false) noexcept;

    /// What the kernel takes at once; 0 if nothing. Never waits.
    [[nodiscard]] Result<std::size_t> try_send(const iovec* parts, std::size_t count) noexcept;
    [[nodiscard]] Result<std::size_t> try_send(std::string_view bytes) noexcept;

    /// Awaitable: Result<size_t>, at least 1 byte was taken. `bytes` must stay until then.
    class SendAwaiter;
    [[nodiscard]] SendAwaiter send_some(std::string_view bytes, std::chrono::nanoseconds timeout) noexcept;

    /// All of it; `bytes` is what is left of them, also after an error. `patience` is what the peer has left of it, at
    /// that pace. All must stay. Errors: ETIMEDOUT, ECANCELED, EPIPE, ECONNRESET and the like.
    [[nodiscard]] task<Result<void>> send_all(std::string_view& bytes, const Pace& pace, Patience& patience);

    /// Cancels `scope` when the peer goes away (peer_watch.hpp), until unwatch_peer(). From a wait on, in the
    /// runtime. `half_closed` counts from the first call.
    void watch_peer(Scope& scope, Heed heed, std::chrono::nanoseconds half_closed);
    void unwatch_peer() noexcept;
    /// What watch_peer() would have cancelled a scope for has happened; false as long as nobody watched.
    [[nodiscard]] bool peer_gone(Heed heed) const noexcept { return watch_ != nullptr && watch_->gone(heed); }

    /// Sends FIN; receiving goes on.
    void shut_down_sending() noexcept;

    /// Awaitable: ends what is in flight and closes the descriptor. To be called once, last.
    class CloseAwaiter;
    [[nodiscard]] CloseAwaiter close() noexcept;

  private:
    static constexpr unsigned kQueuedMax = 16;  ///< buffers a client may be ahead before it is disarmed

    /// Of what is there already, before others have their turn.
    static constexpr std::uint8_t kInARow = 16;

    /// Of those that the kernel took, what the peer has not acknowledged.
    [[nodiscard]] int unsent_bytes() const noexcept;
    // By multishot receives.
    void arm() noexcept;
    void arm_without_buffer() noexcept;
    void arm_with_own_buffer() noexcept;
    static void received(Operation& operation, std::int32_t result, std::uint32_t flags);
    // By events, where the reactor has a Readiness.
    [[nodiscard]] bool receive_or_enter(Reactor& here) noexcept;
    [[nodiscard]] bool receive_at_once() noexcept;
    void await_event() noexcept;
    static void readable(Operation& operation, std::int32_t result, std::uint32_t flags);

    [[nodiscard]] bool make_own_buffer() noexcept;
    void end(int error) noexcept;
    [[nodiscard]] bool ready() const noexcept { return queue_head_ != BufferRing::kNone || own_size_ > 0 || ended_; }
    [[nodiscard]] Result<Received> take() noexcept;
    void enqueue(std::uint32_t id, std::uint32_t size) noexcept;
    void wake_receiver() noexcept;
    void release_all() noexcept;
    static void timer_fired(Timer& timer, Fired reason);

    int descriptor_;                     // first: fits behind Wait's last member
    Reactor* reactor_ = nullptr;         // of the receive that is armed, of place_ and of the queued buffers
    Readiness::Place* place_ = nullptr;  // in reactor_'s readiness, once it has waited there
    PeerWatch* watch_ = nullptr;         // from the first handler that waited
    char* own_buffer_ = nullptr;         // heap, when the reactor had no buffer
    std::uint32_t own_size_ = 0;
    std::uint32_t queue_head_ = BufferRing::kNone;
    std::uint32_t queue_tail_ = BufferRing::kNone;
    std::uint16_t error_ = 0;
    std::uint16_t queued_ = 0;
    std::uint8_t in_a_row_ = 0;  // received at once since it waited last
    bool ended_ = false;         // end of stream or error_
    bool waiting_ = false;       // a flow waits in waiter
    bool disarming_ = false;
    bool closing_ = false;
};

class Socket::ReceiveAwaiter {
  public:
    ReceiveAwaiter(Socket& socket, std::chrono::nanoseconds timeout, bool idle) noexcept
        : socket_(socket), timeout_(timeout), idle_(idle) {}
    bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> coroutine) noexcept;
    Result<Received> await_resume() noexcept;

  private:
    void start() noexcept;
    Socket& socket_;
    std::chrono::nanoseconds timeout_;
    bool idle_;
    bool scoped_ = false;  // registered in the flow's scope
    int refused_ = 0;
};

class Socket::CloseAwaiter {
  public:
    explicit CloseAwaiter(Socket& socket) noexcept : socket_(socket) {}
    bool await_ready() const noexcept { return !socket_.in_flight; }
    void await_suspend(std::coroutine_handle<> coroutine) noexcept;
    void await_resume() noexcept;

  private:
    Socket& socket_;
};

class Socket::SendAwaiter final : public WaitAwaiter {
  public:
    SendAwaiter(int descriptor, std::string_view bytes, std::chrono::nanoseconds timeout) noexcept
        : WaitAwaiter(timeout), descriptor_(descriptor), bytes_(bytes) {}
    Result<std::size_t> await_resume() noexcept;

  private:
    void file(Reactor& reactor) noexcept override;
    int descriptor_;
    std::string_view bytes_;
};

}  // namespace spindle::runtime
