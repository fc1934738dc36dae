// SPDX-License-Identifier: Apache-2.0
//
// Notices that the peer of a connected socket goes away while a handler waits for something else and nobody
// receives, and cancels the handler's scope. One multishot poll a connection (POLLRDHUP, error, hang-up),
// armed when a handler first waits and left armed until the connection closes: later requests cost nothing,
// and what the peer sends does not wake it.
//
// A reset is final and cancels at once. After a FIN the peer may still read: whoever half-closes its side
// wants its answer. So only when `half_closed` has passed since the FIN is a waiting handler cancelled.
//
// Made and ended by the connection's flow; its completions run on the worker that armed it, which may be
// another one than where the flow is. Frees itself when it has ended and the kernel has let go of it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "runtime/reactor/operation.hpp"
#include "runtime/reactor/reactor.hpp"
#include "runtime/small_mutex.hpp"

namespace spindle::runtime {

class Scope;

/// Which of the peer's acts cancel a scope.
enum class Heed : std::uint8_t {
    reset,  ///< only what leaves nobody to answer
    reset_and_half_close
};

class PeerWatch : Operation, Timer, Post {
  public:
    /// Zero `half_closed`: a FIN alone never cancels. On the current worker; in the runtime.
    PeerWatch(int descriptor, std::chrono::nanoseconds half_closed) noexcept;

    /// Cancels `scope` when the peer goes, or now if it is gone; until detach(). In the runtime.
    void attach(Scope& scope, Heed heed) noexcept;
    void detach() noexcept;
    /// A scope attached with `heed` would have been cancelled.
    [[nodiscard]] bool gone(Heed heed) const noexcept;
    /// The last call. In the runtime.
    void end() noexcept;

  private:
    ~PeerWatch() = default;
    void arm() noexcept;
    void end_here() noexcept;
    void gone_now(std::atomic<bool>& what) noexcept;
    static void completed(Operation& operation, std::int32_t result, std::uint32_t flags);
    static void half_closed_for_long(Timer& timer, Fired reason);

    const int descriptor_;
    SmallMutex mutex_;
    const std::chrono::nanoseconds half_closed_;
    Reactor& reactor_;
    Scope* scope_ = nullptr;  // by mutex_, as is the next
    Heed heed_ = Heed::reset;
    bool in_flight_ = false;  // by the reactor's owner, as are the next two; the kernel has the poll
    bool fin_ = false;
    bool ending_ = false;
    std::atomic<bool> reset_{false};    // written under mutex_
    std::atomic<bool> expired_{false};  // written under mutex_: the peer has been half closed for long
};

}  // namespace spindle::runtime
