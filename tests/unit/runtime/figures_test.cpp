// SPDX-License-Identifier: Apache-2.0
#include "runtime/figures.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <ctime>
#include <string>
#include <thread>

#include "runtime/cycle_clock.hpp"
#include "runtime/run_meter.hpp"
#include "runtime/shared_slots.hpp"

using namespace spindle::runtime;

TEST_CASE("histogram: a value is in the bucket of its highest bit, however large") {
    CHECK(Histogram::bucket_of(0) == 0);
    CHECK(Histogram::bucket_of(1) == 1);
    CHECK(Histogram::bucket_of(1023) == 10);
    CHECK(Histogram::bucket_of(1024) == 11);
    CHECK(Histogram::bucket_of(UINT64_MAX) == HistogramReading::kBuckets - 1);
}

TEST_CASE("histogram: quantiles lie in the bucket of the value asked for, never above the largest") {
    Histogram histogram;
    CHECK(histogram.read().quantile(0.5) == 0);
    for (int i = 0; i < 98; ++i) histogram.record(1000);
    histogram.record(50'000);
    histogram.record(1'000'000);
    const HistogramReading reading = histogram.read();
    CHECK(reading.count() == 100);
    CHECK(reading.sum == 98 * 1000 + 50'000 + 1'000'000);
    CHECK(Histogram::bucket_of(reading.quantile(0.5)) == Histogram::bucket_of(1000));
    CHECK(Histogram::bucket_of(reading.quantile(0.985)) == Histogram::bucket_of(50'000));
    CHECK(reading.quantile(1) == 1'000'000);
    CHECK(reading.max == 1'000'000);
}

TEST_CASE("histogram: readings add up, and a difference tells what came between") {
    Histogram histogram;
    histogram.record(10);
    const HistogramReading earlier = histogram.read();
    histogram.record(5'000'000);
    const HistogramReading between = histogram.read().since(earlier);
    CHECK(between.count() == 1);
    CHECK(between.sum == 5'000'000);
    HistogramReading both = earlier;
    both += between;
    CHECK(both.buckets == histogram.read().buckets);
    CHECK(both.sum == histogram.read().sum);
}

TEST_CASE("note: number and text are read together while they are written") {
    Note note;
    CHECK(note.read().number == 0);
    CHECK(note.read().text.empty());
    note.write(0, std::string(60, 'a'));
    std::atomic<bool> done{false};
    std::thread writer([&] {
        for (std::uint64_t i = 1; i < 50'000; ++i) note.write(i % 26, std::string(60, static_cast<char>('a' + i % 26)));
        done = true;
    });
    while (!done) {
        const Note::Value value = note.read();
        REQUIRE(value.text == std::string(60, static_cast<char>('a' + value.number)));
    }
    writer.join();
}

TEST_CASE("note: a writer that never gets to the end of a write keeps nobody from reading") {
    SharedSlots<WorkerCounters> slots(1);
    slots[0].longest.write(3000, "/cpu");
    const pid_t child = ::fork();
    if (child == 0) {
        while (true) slots[0].longest.write(3000, "/cpu");
    }
    // Wherever it is when it dies.
    for (int i = 0; i < 1000; ++i) CHECK(slots[0].longest.read().text == "/cpu");
    ::kill(child, SIGKILL);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    CHECK(slots[0].longest.read().number == 3000);
    CHECK(slots[0].longest.read().text == "/cpu");
}

TEST_CASE("note: of a long text the beginning is kept") {
    Note note;
    note.write(1, "short");
    note.write(7, std::string(200, 'x'));
    CHECK(note.read().text == std::string(Note::kTextBytes, 'x'));
    note.write(8, "");
    CHECK(note.read().text.empty());
}

TEST_CASE("shared slots: what a forked process counts is seen, and stays when its slot is for another one") {
    SharedSlots<WorkerCounters> slots(2);
    const pid_t child = ::fork();
    if (child == 0) {
        slots[1].accepted.add(5);
        slots[1].closed.add(2);
        slots[1].accepts_paused.add(1);
        slots[1].shed_descriptors.add(3);
        slots[1].shed_memory.add(4);
        slots[1].run.record(3000);
        slots[1].longest.write(3000, "/cpu");
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);
    CHECK(read_figures(slots[1]).connections == 3);
    CHECK(read_figures(slots[1]).longest_route == "/cpu");
    CHECK(read_figures(slots[0]).accepted == 0);

    slots.retire(1);
    CHECK(read_figures(slots[1]).accepted == 0);
    CHECK(read_figures(slots[1]).longest == 0);
    const Figures departed = read_figures(slots.departed());
    CHECK(departed.accepted == 5);
    CHECK(departed.connections == 0);
    CHECK(departed.accepts_paused == 1);
    CHECK(departed.shed_descriptors == 3);
    CHECK(departed.shed_memory == 4);
    CHECK(departed.restarts == 1);
    CHECK(departed.longest == 3000);
    CHECK(departed.run.count() == 1);
    slots.retire(1);
    CHECK(read_figures(slots.departed()).restarts == 2);
    CHECK(read_figures(slots.departed()).accepted == 5);
}

TEST_CASE("figures: of several workers counts are added and the longest run is the longest") {
    WorkerCounters first;
    WorkerCounters second;
    first.longest.write(10, "/short");
    second.longest.write(20, "/long");
    first.dispatched.add(3);
    second.dispatched.add(4);
    first.shed_memory.add(1);
    second.shed_memory.add(2);
    second.shed_descriptors.add(5);
    first.accepts_paused.add(6);
    first.stuck.write(1, "/a");
    second.stuck.write(1, "/b");
    Figures sum = read_figures(first);
    sum += read_figures(second);
    CHECK(sum.dispatched == 7);
    CHECK(sum.shed_memory == 3);
    CHECK(sum.shed_descriptors == 5);
    CHECK(sum.accepts_paused == 6);
    CHECK(sum.longest == 20);
    CHECK(sum.longest_route == "/long");
    CHECK(sum.stuck_routes == "/a,/b");
}

namespace {

void pass(std::uint64_t nanoseconds) {
    const std::uint64_t from = CycleClock::now();
    while (CycleClock::since(from, CycleClock::now()) < nanoseconds) {
    }
}

}  // namespace

TEST_CASE("run meter: the second flow of a poll waits while the first one runs") {
    WorkerCounters counters;
    RunMeter meter(counters);
    meter.resume();
    meter.waits();
    meter.polled(CycleClock::now(), true, false, 2);
    CHECK(read_figures(counters).runnable == 2);
    meter.begin(meter.runnable_since());
    meter.in("/first");
    pass(200'000);
    CHECK(meter.end() >= 200'000);
    meter.begin(meter.runnable_since());
    meter.end();
    meter.waits();
    const Figures figures = read_figures(counters);
    CHECK(figures.dispatched == 2);
    CHECK(figures.runnable == 0);
    CHECK(figures.longest >= 200'000);
    CHECK(figures.longest_route == "/first");
    CHECK(figures.delay.count() == 2);
    CHECK(figures.delay.max >= 200'000);
    CHECK(figures.busy >= 200'000);
    CHECK(figures.busy <= figures.elapsed);
}

TEST_CASE("run meter: waiting is not busy, a run that goes on is") {
    WorkerCounters counters;
    RunMeter meter(counters);
    meter.resume();
    meter.waits();
    pass(300'000);
    CHECK(read_figures(counters).busy < 300'000);
    meter.polled(CycleClock::now(), true, false, 1);
    meter.begin(meter.runnable_since());
    pass(300'000);
    CHECK(read_figures(counters).busy >= 300'000);
    CHECK(read_figures(counters).elapsed >= 600'000);
}

TEST_CASE("run meter: who was there already when a long run ended waited for all of it") {
    WorkerCounters counters;
    RunMeter meter(counters);
    meter.resume();
    meter.waits();
    meter.polled(CycleClock::now(), true, false, 1);
    meter.begin(meter.runnable_since());
    pass(1'500'000);
    meter.end();
    REQUIRE(meter.was_away());
    SUBCASE("found without waiting") {
        meter.polled(CycleClock::now(), false, true, 1);
        meter.begin(meter.runnable_since());
        CHECK(read_figures(counters).delay.max >= 1'500'000);
    }
    SUBCASE("came later") {
        const std::uint64_t before = read_figures(counters).delay.max;
        meter.waits();
        meter.polled(CycleClock::now(), true, true, 1);
        meter.begin(meter.runnable_since());
        CHECK(read_figures(counters).delay.max == before);
    }
}

TEST_CASE("run meter: a run whose worker was taken away is measured by whoever goes on with it") {
    WorkerCounters counters;
    RunMeter meter(counters);
    meter.resume();
    meter.begin(meter.runnable_since());
    meter.resume();  // another thread
    CHECK(meter.end() == 0);
    CHECK(read_figures(counters).run.count() == 0);
    meter.record(5'000'000, "/block");
    CHECK(read_figures(counters).run.count() == 1);
    CHECK(read_figures(counters).longest_route == "/block");
}

TEST_CASE("cycle clock: as fast as CLOCK_MONOTONIC") {
    CycleClock::calibrate();
    const auto monotonic = [] {
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
    };
    // Each reading between two of the kernel's, since others may run at any time.
    const double before_first = monotonic();
    const std::uint64_t first = CycleClock::now();
    const double after_first = monotonic();
    double before_last = 0;
    std::uint64_t last = 0;
    double after_last = 0;
    do {
        before_last = monotonic();
        last = CycleClock::now();
        after_last = monotonic();
    } while (before_last - after_first < 20e6);
    const auto counted = static_cast<double>(last - first);
    CHECK(counted >= (before_last - after_first) * 0.999 - 1000);
    CHECK(counted <= (after_last - before_first) * 1.001 + 1000);
}
