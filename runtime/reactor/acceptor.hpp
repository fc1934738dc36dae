// SPDX-License-Identifier: Apache-2.0
//
// Accepts connections of one listener on one reactor. A listener that this process alone has
// (SO_REUSEPORT) gets a multishot accept; a shared one a one-shot accept a reactor, then a bounded
// accept4 drain, since one ring would otherwise get every connection. Owned and run by the worker.
#pragma once

#include <chrono>

#include "runtime/accepted.hpp"
#include "runtime/reactor/operation.hpp"
#include "runtime/reactor/reactor.hpp"

namespace spindle::runtime {

/// What an acceptor asks and tells its backend.
class AcceptSink {
  public:
    /// False: at the connection limit; the acceptor pauses until resume(). A place may be taken for a one-shot
    /// accept: then accepted() or accepted_nothing() follows.
    [[nodiscard]] virtual bool may_accept() noexcept = 0;
    /// Throws std::bad_alloc.
    virtual void accepted(Accepted accepted) = 0;
    virtual void accepted_nothing() noexcept {}

  protected:
    ~AcceptSink() = default;
};

/// Closed and counted, if there is no memory to serve it with.
void hand_over(Accepted accepted, AcceptSink& sink) noexcept;

class Acceptor : Wait {
  public:
    /// `number` is the listener's, which the sink gets with each connection.
    Acceptor(int listener, unsigned number, AcceptSink& sink) noexcept;
    ~Acceptor();
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;

    /// Arms on the current worker's reactor, if it is not armed, stopped or waiting out an error.
    void resume() noexcept;
    /// No more connections; the operation ends by itself.
    void stop() noexcept;
    [[nodiscard]] bool paused() const noexcept { return !in_flight && !scheduled() && !stopped_; }
    [[nodiscard]] bool ended() const noexcept { return stopped_ && !in_flight; }

  private:
    /// After EMFILE and the like.
    static constexpr std::chrono::milliseconds kRetryAfter{100};
    static constexpr unsigned kDrainMax = 16;
    static constexpr unsigned kShedMax = 256;  ///< before each retry

    static void completed(Operation& operation, std::int32_t result, std::uint32_t flags);
    static void retry(Timer& timer, Fired reason);
    void drain_queue() noexcept;
    void failed(int error) noexcept;
    void shed() noexcept;

    int listener_;
    int spare_;  ///< given up to turn connections away when there is no other descriptor; -1: it is gone
    unsigned number_;
    AcceptSink& sink_;
    Reactor* reactor_ = nullptr;
    bool multishot_;
    bool stopped_ = false;
};

}  // namespace spindle::runtime
