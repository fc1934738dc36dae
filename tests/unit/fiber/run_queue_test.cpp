// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/run_queue.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <latch>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "runtime/fiber/global_queue.hpp"

using namespace spindle::runtime;

namespace {

struct Item {
    Item* next = nullptr;
    std::atomic<unsigned> seen{0};
    unsigned value = 0;
};

struct Items {
    explicit Items(unsigned count) : all(new Item[count]), count(count) {
        for (unsigned i = 0; i < count; ++i) all[i].value = i;
    }
    Item* operator[](unsigned i) { return &all[i]; }
    unsigned index(const Item* item) const { return static_cast<unsigned>(item - all.get()); }
    std::unique_ptr<Item[]> all;
    unsigned count;
};

auto no_overflow = [](std::span<Item* const>) { FAIL("overflow"); };

// Gives the turn away every now and then in the middle of an operation: on few cores a thief is
// hardly ever stopped there by itself. Without it, a queue that forgets `steal` passes.
struct Interrupted {
    static void here() {
        static thread_local std::minstd_rand random(std::random_device{}());
        if (random() % 8 == 0) std::this_thread::yield();
    }
};

template <unsigned Capacity>
using Queue = RunQueue<Item, Capacity>;
template <unsigned Capacity>
using InterruptedQueue = RunQueue<Item, Capacity, Interrupted>;

}  // namespace

TEST_CASE_TEMPLATE("a run queue is first in first out over many laps", Ring, Queue<4>, Queue<256>) {
    Ring queue;
    Items items(3);
    CHECK(queue.pop() == nullptr);
    for (unsigned lap = 0; lap < 1000; ++lap) {
        for (unsigned i = 0; i < 3; ++i) queue.push(items[i], no_overflow);
        CHECK(queue.size() == 3);
        for (unsigned i = 0; i < 3; ++i) REQUIRE(queue.pop() == items[i]);
        REQUIRE(queue.pop() == nullptr);
    }
    CHECK(queue.empty());
    CHECK(queue.room() == Ring::kCapacity);
}

TEST_CASE_TEMPLATE("a full run queue overflows its older half and the new item", Ring, Queue<4>, Queue<256>) {
    constexpr unsigned kCapacity = Ring::kCapacity;
    Ring queue;
    Items items(kCapacity + 1);
    for (unsigned i = 0; i < kCapacity; ++i) queue.push(items[i], no_overflow);
    CHECK(queue.room() == 0);
    std::vector<unsigned> moved;
    queue.push(items[kCapacity], [&](std::span<Item* const> batch) {
        for (Item* item : batch) moved.push_back(item->value);
    });
    REQUIRE(moved.size() == kCapacity / 2 + 1);
    for (unsigned i = 0; i < kCapacity / 2; ++i) CHECK(moved[i] == i);
    CHECK(moved.back() == kCapacity);
    CHECK(queue.size() == kCapacity / 2);
    for (unsigned i = kCapacity / 2; i < kCapacity; ++i) CHECK(queue.pop() == items[i]);
    CHECK(queue.pop() == nullptr);
}

TEST_CASE_TEMPLATE("a thief gets the older half rounded up, oldest first", Ring, Queue<4>, Queue<256>) {
    for (unsigned count = 0; count <= Ring::kCapacity; ++count) {
        Ring victim, mine;
        Items items(count + 1);
        for (unsigned i = 0; i < count; ++i) victim.push(items[i], no_overflow);
        const unsigned stolen = count - count / 2;
        Item* first = victim.steal_into(mine);
        REQUIRE(first == (count == 0 ? nullptr : items[0]));
        REQUIRE(mine.size() == (stolen == 0 ? 0 : stolen - 1));
        for (unsigned i = 1; i < stolen; ++i) REQUIRE(mine.pop() == items[i]);
        REQUIRE(mine.pop() == nullptr);
        for (unsigned i = stolen; i < count; ++i) REQUIRE(victim.pop() == items[i]);
        REQUIRE(victim.pop() == nullptr);
    }
}

TEST_CASE_TEMPLATE("a thief with a queue more than half full gets nothing", Ring, Queue<4>, Queue<256>) {
    Ring victim, mine;
    Items items(2 * Ring::kCapacity);
    for (unsigned i = 0; i < Ring::kCapacity; ++i) victim.push(items[i], no_overflow);
    for (unsigned i = 0; i <= Ring::kCapacity / 2; ++i) {
        mine.push(items[Ring::kCapacity + i], no_overflow);
    }
    CHECK(victim.steal_into(mine) == nullptr);
    CHECK(mine.pop() != nullptr);
    CHECK(victim.steal_into(mine) == items[0]);
    CHECK(mine.size() == Ring::kCapacity - 1);
}

TEST_CASE_TEMPLATE("every item is seen exactly once with an owner and three thieves", Ring, Queue<4>, Queue<256>,
                   InterruptedQueue<4>, InterruptedQueue<256>) {
    constexpr unsigned kCount = Ring::kCapacity == 4 ? 15'000 : 60'000;
    constexpr int kThieves = 3;
    Items items(kCount);
    Ring queue;
    GlobalQueue<Item> global;
    std::atomic<bool> pushing{true};
    std::atomic<unsigned> seen{0};
    auto see = [&](Item* item) {
        item->seen.fetch_add(1, std::memory_order_relaxed);
        seen.fetch_add(1, std::memory_order_relaxed);
    };
    auto see_global = [&] {
        for (Item* item = global.pop(3); item != nullptr;) {
            Item* next = item->next;
            see(item);
            item = next;
        }
    };
    std::latch start(kThieves + 1);
    auto thief = [&] {
        Ring mine;
        start.arrive_and_wait();
        while (pushing.load(std::memory_order_acquire) || !queue.empty()) {
            if (Item* item = queue.steal_into(mine)) {
                see(item);
            } else {
                std::this_thread::yield();  // or the idle keep the core from the others
            }
            while (Item* item = mine.pop()) see(item);
            see_global();
        }
    };
    std::vector<std::thread> thieves;
    for (int i = 0; i < kThieves; ++i) thieves.emplace_back(thief);

    const unsigned seed = std::random_device{}();
    CAPTURE(seed);
    std::minstd_rand random(seed);
    auto overflow = [&](std::span<Item* const> batch) { global.push(batch); };
    start.arrive_and_wait();
    for (unsigned i = 0; i < kCount;) {
        const unsigned pushes = random() % (2 * Ring::kCapacity);
        for (unsigned n = 0; n < pushes && i < kCount; ++n) queue.push(items[i++], overflow);
        const unsigned pops = random() % Ring::kCapacity;
        for (unsigned n = 0; n < pops; ++n) {
            if (Item* item = queue.pop()) see(item);
        }
        if (random() % 16 == 0) std::this_thread::yield();
    }
    pushing.store(false, std::memory_order_release);
    while (Item* item = queue.pop()) see(item);
    for (std::thread& thread : thieves) thread.join();
    while (!global.empty()) see_global();

    CHECK(seen.load() == kCount);
    unsigned wrong = 0;
    for (unsigned i = 0; i < kCount; ++i) wrong += items[i]->seen.load() != 1;
    CHECK(wrong == 0);
}

TEST_CASE_TEMPLATE("processors that steal from each other lose nothing", Ring, Queue<4>, Queue<256>,
                   InterruptedQueue<4>, InterruptedQueue<256>) {
    constexpr unsigned kCount = 4'000;
    constexpr unsigned kProcessors = 4;
    constexpr unsigned kHops = 10;
    Items items(kCount);
    std::vector<Ring> queues(kProcessors);
    GlobalQueue<Item> global;
    std::atomic<unsigned> left{kCount};
    for (unsigned i = 0; i < kCount; ++i) global.push(items[i]);

    auto overflow = [&](std::span<Item* const> batch) { global.push(batch); };
    std::latch start(kProcessors);
    auto processor = [&](unsigned self) {
        start.arrive_and_wait();
        Ring& mine = queues[self];
        unsigned victim = self;
        for (unsigned tick = 0; left.load(std::memory_order_acquire) != 0; ++tick) {
            victim = (victim + 1) % kProcessors;
            if (victim == self) continue;
            Item* item = tick % 4 == 0 ? nullptr : mine.pop();  // steals with a filled queue too
            if (item == nullptr) item = queues[victim].steal_into(mine);
            if (item == nullptr) item = global.pop();
            if (item == nullptr) {
                std::this_thread::yield();
            } else if (item->seen.fetch_add(1, std::memory_order_relaxed) + 1 == kHops) {
                left.fetch_sub(1, std::memory_order_acq_rel);
            } else {
                mine.push(item, overflow);
            }
        }
    };
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kProcessors; ++i) threads.emplace_back(processor, i);
    for (std::thread& thread : threads) thread.join();

    unsigned wrong = 0;
    for (unsigned i = 0; i < kCount; ++i) wrong += items[i]->seen.load() != kHops;
    CHECK(wrong == 0);
    CHECK(global.empty());
}
