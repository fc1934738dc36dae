// SPDX-License-Identifier: Apache-2.0
//
// Whom flows that never stop may keep waiting, and how long: counted in dispatches, on the real backend with
// one processor. The busy flows run one after another without the ring; what is measured comes from elsewhere.
#include "runtime/fiber/fairness.hpp"

#include <doctest/doctest.h>

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <memory>
#include <vector>

#include "runtime/fiber/fiber_backend.hpp"
#include "runtime/io.hpp"
#include "runtime/worker.hpp"

using namespace spindle::runtime;

namespace {

/// co_await: runnable again at once, in the place of whom the running flow has woken (run-next).
struct Yield {
    Waiter waiter;
    static bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<> coroutine) noexcept {
        current_worker().suspend(waiter, coroutine);
        current_worker().wake(waiter);
    }
    static void await_resume() noexcept {}
};

/// co_await → dispatches that the completion of a read waited for. Files the read, makes it complete, and waits.
/// Everything that runs between counts itself in `dispatches`.
class EventRead : Operation {
  public:
    EventRead(int event, const unsigned& dispatches) noexcept : event_(event), dispatches_(dispatches) {
        on_complete = completed;
    }
    static bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<> coroutine) noexcept {
        current_worker().suspend(waiter_, coroutine);
        current_worker().reactor().file(
            *this, [this](io_uring_sqe* sqe) { io_uring_prep_read(sqe, event_, &value_, sizeof value_, 0); });
    }
    [[nodiscard]] unsigned await_resume() const noexcept { return completed_at_; }

  private:
    static void completed(Operation& operation, std::int32_t, std::uint32_t) {
        auto& self = static_cast<EventRead&>(operation);
        self.completed_at_ = self.dispatches_;
        current_worker().wake(self.waiter_);
    }

    int event_;
    const unsigned& dispatches_;
    std::uint64_t value_ = 0;
    unsigned completed_at_ = 0;
    Waiter waiter_;
};

/// A backend with one processor that serves `flows`, one for each connection, until the last has ended.
class Flows {
  public:
    using Flow = std::function<task<void>()>;

    void run(std::vector<Flow> flows) {
        flows_ = std::move(flows);
        left_ = flows_.size();
        const int listener = listen();
        std::vector<int> clients;
        for (std::size_t i = 0; i < flows_.size(); ++i) clients.push_back(connect());
        Service service;
        service.listeners = std::span(&listener, 1);
        service.serve = [this](Accepted accepted) { return serve(accepted.descriptor); };
        service.drain_timeout = std::chrono::hours(1);
        REQUIRE(backend->run(service));
        for (const int client : clients) ::close(client);
        ::close(listener);
    }

    const std::unique_ptr<Backend> backend = make_fiber({.processors = 1});
    unsigned dispatches = 0;  ///< of flows that count themselves

  private:
    task<void> serve(int descriptor) {
        Flow& flow = flows_[next_++];
        task<void> running = flow();
        co_await running;
        ::close(descriptor);
        if (--left_ == 0) backend->request_drain();
    }

    int listen() {
        const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        sockaddr_un any{.sun_family = AF_UNIX, .sun_path = {}};
        REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&any), sizeof(sa_family_t)) == 0);  // autobind
        REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&address_), &address_bytes_) == 0);
        REQUIRE(::listen(listener, 64) == 0);
        return listener;
    }
    int connect() const {
        const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(::connect(client, reinterpret_cast<const sockaddr*>(&address_), address_bytes_) == 0);
        return client;
    }

    std::vector<Flow> flows_;
    std::size_t next_ = 0;
    std::size_t left_ = 0;
    sockaddr_un address_{};
    socklen_t address_bytes_ = sizeof address_;
};

}  // namespace

TEST_CASE("a processor that never runs out of fibers looks into its ring at least every kLookAroundEvery dispatches") {
    constexpr unsigned kEvents = kLookAroundEvery;
    Flows flows;
    const int event = ::eventfd(0, EFD_CLOEXEC);
    std::array<unsigned, kEvents> waited{};
    unsigned sent_at = 0;
    unsigned events = 0;
    bool reading = false;

    const auto busy = [&]() -> task<void> {
        while (events < kEvents) {
            ++flows.dispatches;
            // After a while, so that the read has reached the kernel; each time at another place between two looks.
            if (reading && flows.dispatches - sent_at > 2 * kLookAroundEvery + events) {
                reading = false;
                sent_at = flows.dispatches;
                const std::uint64_t one = 1;
                CHECK(::write(event, &one, sizeof one) == sizeof one);
            }
            co_await Yield{};
        }
    };
    const auto reader = [&]() -> task<void> {
        while (events < kEvents) {
            reading = true;
            sent_at = flows.dispatches;
            EventRead read(event, flows.dispatches);
            const unsigned completed_at = co_await read;
            waited[events++] = completed_at - sent_at;
        }
    };
    flows.run({reader, busy, busy});
    ::close(event);
    for (const unsigned dispatches : waited) CHECK(dispatches <= kLookAroundEvery);
}

TEST_CASE("a fiber in the global queue runs within kLookAroundEvery dispatches of a processor that never stops") {
    constexpr unsigned kTimes = 10;
    Flows flows;
    unsigned published_at = 0;
    unsigned times = 0;
    bool away = false;
    std::array<unsigned, kTimes> waited{};

    const auto busy = [&]() -> task<void> {
        while (times < kTimes) {
            ++flows.dispatches;
            if (away) {  // keeps the processor, not being in a handler, until the one that is away stands in the queue
                do flows.backend->refresh_figures();
                while (flows.backend->figures().global_queue == 0);
                away = false;
                published_at = flows.dispatches;
            }
            co_await Yield{};
        }
    };
    const auto blocks = [&]() -> task<void> {
        while (times < kTimes) {
            {
                const HandlerScope handler("/blocks");
                away = true;
                auto nothing = [] {};
                (void)co_await blocking(nothing);
            }
            waited[times++] = flows.dispatches - published_at;
        }
    };
    flows.run({busy, busy, blocks});
    for (const unsigned dispatches : waited) CHECK(dispatches <= kLookAroundEvery);
}

TEST_CASE("fibers that wake each other keep one in the queue waiting for kNextInARow dispatches at most") {
    constexpr unsigned kTimes = 20;
    Flows flows;
    const int event = ::eventfd(kTimes, EFD_CLOEXEC | EFD_SEMAPHORE);  // each read completes when it is filed
    unsigned times = 0;
    std::array<unsigned, kTimes> waited{};

    const auto busy = [&]() -> task<void> {
        while (times < kTimes) {
            ++flows.dispatches;
            co_await Yield{};
        }
    };
    const auto reader = [&]() -> task<void> {
        while (times < kTimes) {
            EventRead read(event, flows.dispatches);
            const unsigned queued_at = co_await read;
            waited[times++] = flows.dispatches - queued_at;
        }
    };
    flows.run({busy, reader});
    ::close(event);
    for (const unsigned dispatches : waited) CHECK(dispatches <= kNextInARow);
}
