// SPDX-License-Identifier: Apache-2.0
//
// How a reactor that changes threads (Sharing::migrating) learns that its sockets can be read: one epoll instance,
// edge-triggered, in which each socket stands once. It belongs to no thread: whoever holds the processor looks into it,
// and a thread that is stuck keeps nothing back. The kernel's io_uring completes a receive by task work of the thread
// that filed it, all that there are at once, before the first can be answered: without DEFER_TASKRUN that costs a
// sixth of a request, and a third with 4,096 connections (docs/decisions/0013-how-fibers-receive.md).
//
// A socket has a place here, which outlives it. An event may come for a place whose socket has just been closed or has
// moved to another reactor, and even for the next socket there: so "ready" only says that receiving is worth a try.
//
// Used by the reactor's owner, but for leave() and has_events().
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "runtime/error.hpp"
#include "runtime/reactor/operation.hpp"

namespace spindle::runtime {

class Readiness {
  public:
    class Place {
        friend class Readiness;
        // Flags, and the operation that waits or, of a place that was left, the next such place.
        std::atomic<std::uintptr_t> word_{0};
    };

    Readiness() = default;
    ~Readiness();
    Readiness(const Readiness&) = delete;
    Readiness& operator=(const Readiness&) = delete;

    /// `ring` and `wake` end a wait, too: the ring as long as it has completions, `wake` (an eventfd that nobody
    /// reads) at each write.
    [[nodiscard]] Result<void> open(int ring, int wake);

    // ---- sockets

    /// From now on events of `socket` are seen, the first if it can be read already. `always`: no edge tells of all that
    /// comes there. ENOMEM; ENOSPC: /proc/sys/fs/epoll/max_user_watches.
    [[nodiscard]] Result<Place*> enter(int socket, bool always) noexcept;
    /// Its socket is closed, or open in `socket` and goes elsewhere. The place may be given to another. Any thread.
    void leave(Place& place, std::optional<int> socket = std::nullopt) noexcept;

    /// Receiving from its socket is worth a try.
    [[nodiscard]] static bool ready(const Place& place) noexcept { return (word(place) & (kReady | kAlways)) != 0; }
    /// It always is: as was said, or since the peer has sent its last, or urgent data, at whose mark a receive stops.
    [[nodiscard]] static bool always_ready(const Place& place) noexcept { return (word(place) & kAlways) != 0; }
    /// Before receiving: what comes from then on makes it ready again.
    static void heed(Place& place) noexcept { place.word_.store(word(place) & ~kReady, std::memory_order_relaxed); }
    /// There may be more than was received.
    static void keep_ready(Place& place) noexcept {
        place.word_.store(word(place) | kReady, std::memory_order_relaxed);
    }

    /// Completes `operation` with the next event.
    static void await(Place& place, Operation& operation) noexcept {
        place.word_.store(reinterpret_cast<std::uintptr_t>(&operation) | (word(place) & kAlways),
                          std::memory_order_relaxed);
    }
    /// There is one in the next look if its socket can be read.
    void ask_again(Place& place, int socket) noexcept;
    /// Nobody waits there any more.
    static void stop_waiting(Place& place) noexcept {
        place.word_.store(word(place) & kFlags, std::memory_order_relaxed);
    }

    // ---- events

    static constexpr unsigned kEventsMax = 64;  ///< of one look: their sockets are still in the caches at its end

    /// Asks the kernel for events, unless there are some that have not been told; waits for one as long as `timeout`
    /// says (zero: not at all; nothing: for ever). May end early.
    void look(std::optional<std::chrono::nanoseconds> timeout) noexcept;
    /// The time at which look() has ended; to be told after each.
    void date(std::uint64_t now) noexcept;
    /// Asked for and not told yet.
    [[nodiscard]] unsigned untold() const noexcept { return count_ - told_; }
    /// All that has happened by then has been told, however many looks it takes to see it all.
    [[nodiscard]] std::uint64_t told_until() noexcept {
        if (untold() == 0) told_until_ = seen_until_;
        return told_until_;
    }
    /// `wake` was written to, as the last look saw; until this is asked.
    [[nodiscard]] bool take_wake() noexcept { return std::exchange(woken_, false); }
    [[nodiscard]] bool woken() const noexcept { return woken_; }
    /// Completes what waits for the oldest events, at most `max`. Returns how many that were.
    unsigned tell(unsigned max) noexcept;

    /// Something has happened that no look has seen; a hint for whoever watches the owner. Any thread.
    [[nodiscard]] bool has_events() const noexcept;

  private:
    static constexpr std::uintptr_t kReady = 1;
    static constexpr std::uintptr_t kAlways = 2;
    static constexpr std::uintptr_t kLeft = 4;
    static constexpr std::uintptr_t kFlags = kReady | kAlways | kLeft;

    [[nodiscard]] static std::uintptr_t word(const Place& place) noexcept {
        return place.word_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] Place* free_place() noexcept;
    static void tell(Place& place, std::uint32_t events) noexcept;

    int epoll_ = -1;
    std::array<epoll_event, kEventsMax> events_{};
    unsigned count_ = 0;
    unsigned told_ = 0;
    bool woken_ = false;
    // A look that is full has not seen all. The kernel hands events out in the order in which they came: one that is
    // made then (an eventfd is written to) says when it has turned up that whatever came before it has, too.
    int marker_ = -1;
    bool marker_under_way_ = false;
    bool marker_turned_up_ = false;
    bool undated_ = false;
    bool full_ = false;
    std::uint64_t marked_at_ = 0;
    std::uint64_t seen_until_ = 0;
    std::uint64_t told_until_ = 0;
    std::deque<Place> places_;  // grows only
    Place* free_ = nullptr;
    std::atomic<Place*> left_{nullptr};  // pushed by any thread, taken by the owner
};

}  // namespace spindle::runtime
