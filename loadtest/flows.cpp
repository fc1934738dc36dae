// SPDX-License-Identifier: Apache-2.0
#include "loadtest/flows.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <utility>
#include <vector>

#include "loadtest/stopwatch.hpp"
#include "runtime/fiber/fiber_backend.hpp"
#include "runtime/io.hpp"
#include "runtime/spawn.hpp"
#include "runtime/sync.hpp"

namespace spindle::loadtest {
namespace {

using namespace runtime;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// The numbers of peers/go/goroutines.
constexpr int kYields = 10'000'000;
constexpr int kMany = 20'000;
constexpr int kPingPongs = 1'000'000;
constexpr int kLives = 2'000'000;
constexpr int kLivesAtOnce = 100;  // as many as a burst of requests
constexpr int kWakes = 1'000;
constexpr auto kWakePause = 1ms;
constexpr auto kWakeBusy = 1ms;

void print(const char* name, double value) { std::printf("%s %.2f\n", name, value); }

/// Runs `main` as user code, as a handler is, on so many processors, until it ends.
void run_on(unsigned processors, task<void> (*main)()) {
    const auto backend = make_fiber({.processors = processors});
    Service service;
    service.main = [main]() -> task<void> {
        WaitGroup ended;
        ended.add();
        const auto handler = [](task<void> body, WaitGroup& group) -> task<void> {
            co_await body;
            group.done();
        };
        spawn(handler(main(), ended));
        const Result<void> waited = co_await ended.wait();
        if (!waited) std::abort();
    };
    if (!backend->run(service)) {
        std::perror("the backend does not start");
        std::exit(1);
    }
}

task<void> give_way(int times, WaitGroup& group) {
    for (int i = 0; i < times; ++i) co_await yield();
    group.done();
}

/// So many flows give way to each other.
task<void> circle(const char* name, int flows) {
    WaitGroup group;
    group.add(flows);
    const Stopwatch start;
    for (int i = 0; i < flows; ++i) spawn(give_way(kYields / flows, group));
    const Result<void> ended = co_await group.wait();
    if (ended) print(name, start.nanoseconds_each(kYields / flows * flows));
}

task<void> answer(Channel<int>& to, Channel<int>& from) {
    while (true) {
        Result<int> value = co_await to.receive();
        if (!value) break;
        const Result<void> sent = co_await from.send(*value);
        if (!sent) break;
    }
    from.close();
}

/// Two flows wake each other over channels.
task<void> ping_pong(const char* name) {
    Channel<int> to(0);
    Channel<int> from(0);
    spawn(answer(to, from));
    const Stopwatch start;
    for (int i = 0; i < kPingPongs; ++i) {
        int value = i;
        const Result<void> sent = co_await to.send(value);
        const Result<int> back = co_await from.receive();
        if (!sent || !back) std::abort();
    }
    print(name, start.nanoseconds_each(2 * kPingPongs));
    to.close();
    const Result<int> closed = co_await from.receive();
    if (closed) std::abort();
}

task<void> end_at_once(WaitGroup& group) {
    group.done();
    co_return;
}

/// Begun, run, ended.
task<void> life(const char* name, void (*begin)(task<void>)) {
    const Stopwatch start;
    for (int i = 0; i < kLives / kLivesAtOnce; ++i) {
        WaitGroup group;
        group.add(kLivesAtOnce);
        for (int j = 0; j < kLivesAtOnce; ++j) begin(end_at_once(group));
        const Result<void> ended = co_await group.wait();
        if (!ended) std::abort();
    }
    print(name, start.nanoseconds_each(kLives));
}

task<void> note_delays(Channel<Clock::time_point>& sent, std::vector<double>& found, WaitGroup& group) {
    while (true) {
        const Result<Clock::time_point> start = co_await sent.receive();
        if (!start) break;
        found.push_back(std::chrono::duration<double, std::micro>(Clock::now() - *start).count());
    }
    group.done();
}

/// How long after it was made runnable a flow runs when the processor that did it stays busy; the other
/// one sleeps before.
task<void> wake() {
    Channel<Clock::time_point> sent(0);
    WaitGroup group;
    std::vector<double> found;
    group.add();
    spawn(note_delays(sent, found, group));
    for (int i = 0; i < kWakes; ++i) {
        const Result<void> paused = co_await sleep_for(kWakePause);
        auto start = Clock::now();
        const Result<void> given = co_await sent.send(start);
        if (!paused || !given) std::abort();
        while (Clock::now() - start < kWakeBusy) {
        }
    }
    sent.close();
    const Result<void> ended = co_await group.wait();
    std::ranges::sort(found);
    if (!ended || found.empty()) std::abort();
    print("wake_p50_us", found[found.size() / 2]);
    print("wake_p99_us", found[found.size() * 99 / 100]);
}

}  // namespace

void measure_flows() {
    run_on(1, [] { return circle("yield_2_ns", 2); });
    run_on(1, [] { return circle("yield_many_ns", kMany); });
    run_on(1, [] { return ping_pong("ping_pong_ns"); });
    run_on(2, [] { return ping_pong("ping_pong_2_ns"); });
    run_on(1, [] { return life("life_ns", [](task<void> flow) { spawn(std::move(flow)); }); });
    run_on(1, [] { return life("light_life_ns", spawn_light); });
    run_on(2, wake);
}

}  // namespace spindle::loadtest
