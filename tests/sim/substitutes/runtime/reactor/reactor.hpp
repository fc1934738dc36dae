// SPDX-License-Identifier: Apache-2.0
//
// The reactor without a ring: what was filed ends when FakeKernel says so. Same interface and rules as the
// real one: completions in order and no more than asked for, then every due timer; one owner at a time,
// which is checked, but for wake().
#pragma once

#include <liburing.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "runtime/error.hpp"
#include "runtime/reactor/operation.hpp"

namespace spindle::runtime {

enum class Sharing : std::uint8_t { one_thread, migrating };

class Reactor;
class SyncWait;

struct Post {
    void (*deliver)(Post&, Reactor& to) noexcept = nullptr;
    Post* next = nullptr;
};

class Reactor {
  public:
    struct Options {
        Sharing sharing = Sharing::one_thread;
    };
    enum class Block : std::uint8_t { no, until_event };
    static constexpr unsigned kCompletionsMax = 256;

    [[nodiscard]] static Result<std::unique_ptr<Reactor>> create(Options options);
    Reactor();
    ~Reactor();
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;

    template <typename Prep>
    void file(Operation& operation, Prep&&) {
        file(operation);
    }
    void cancel(Operation& operation);
    void start_timer(Wait& wait, std::chrono::nanoseconds timeout, bool drainable = false) noexcept;
    // Flows here wait neither in scopes nor for each other.
    void post(Post&) noexcept { CHECK_THAT(false); }
    void end_wait(Wait&) noexcept { CHECK_THAT(false); }
    void add_sync_wait(SyncWait&, std::chrono::nanoseconds) noexcept { CHECK_THAT(false); }
    void remove_sync_wait(SyncWait&) noexcept { CHECK_THAT(false); }
    unsigned poll(Block block, unsigned completions_max = kCompletionsMax);
    void wake() noexcept;
    void drain() noexcept;
    void cancel_all() noexcept;
    [[nodiscard]] bool draining() const noexcept { return draining_; }
    [[nodiscard]] bool stopping() const noexcept { return stopping_; }
    void shut_down() noexcept;
    void measure(RunMeter&) noexcept {}

    [[nodiscard]] bool has_completions() const noexcept { return !completed_.empty(); }
    [[nodiscard]] bool has_readable_sockets() const noexcept { return false; }
    [[nodiscard]] bool has_task_work() const noexcept { return false; }
    [[nodiscard]] bool has_due_timer(std::uint64_t) const noexcept { return due_ != nullptr; }
    [[nodiscard]] unsigned in_flight() const noexcept { return in_flight_; }
    [[nodiscard]] std::uint64_t now() const noexcept { return 0; }
    struct Buffers {
        [[nodiscard]] static unsigned outstanding() noexcept { return 0; }
    };
    [[nodiscard]] Buffers buffers() const noexcept { return {}; }

    // By FakeKernel.
    [[nodiscard]] bool can_end_one() const noexcept;
    /// An operation completes, or a timer becomes due.
    void end_one() noexcept;
    /// One has failed, and its time to wait is not over.
    [[nodiscard]] bool accept_pauses() const noexcept { return accept_pauses_; }
    void accept_failed() noexcept { accept_pauses_ = true; }

    /// By a flow that has the processor: makes another one runnable that waits for a timer. False: there is none.
    bool wake_a_neighbour() noexcept;

    /// For as long as somebody does what only the processor's holder may do; may be nested.
    class Occupied {
      public:
        explicit Occupied(Reactor& reactor) noexcept;
        ~Occupied() { reactor_.occupant_ = before_; }
        Occupied(const Occupied&) = delete;
        Occupied& operator=(const Occupied&) = delete;

      private:
        Reactor& reactor_;
        const void* const before_;
    };

  private:
    struct Filed {
        Operation* operation;
        bool cancelled;
    };
    struct Completed {
        Operation* operation;  // null: wake()
        int result;
    };

    void file(Operation& operation);
    static void wait_ended(Timer& timer, Fired reason);
    static void link(Timer*& list, Timer& timer) noexcept;
    [[nodiscard]] Timer& any_timer() const noexcept;
    void fire(Timer& timer, Fired reason) noexcept;

    std::vector<Filed> filed_;
    Timer* timers_ = nullptr;  // linked as those of the wheel are; the newest first
    Timer* due_ = nullptr;
    std::deque<Completed> completed_;
    unsigned in_flight_ = 0;
    bool wake_pending_ = false;
    bool draining_ = false;
    bool stopping_ = false;
    bool accept_pauses_ = false;
    const void* occupant_ = nullptr;  // a virtual thread
};

void complete_wait(Operation& operation, std::int32_t result, std::uint32_t flags);

}  // namespace spindle::runtime
