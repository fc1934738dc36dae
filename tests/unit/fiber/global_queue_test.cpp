// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/global_queue.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

using namespace spindle::runtime;

namespace {

struct Node {
    Node* next = nullptr;
    std::atomic<int> seen{0};
};

}  // namespace

TEST_CASE("a global queue is first in first out over single and batched pushes") {
    GlobalQueue<Node> queue;
    std::array<Node, 5> nodes;
    std::array<Node*, 3> batch{&nodes[1], &nodes[2], &nodes[3]};
    CHECK(queue.pop() == nullptr);
    queue.push(&nodes[0]);
    queue.push(batch);
    queue.push(std::span<Node* const>{});
    queue.push(&nodes[4]);
    CHECK(queue.size() == 5);
    for (Node& node : nodes) CHECK(queue.pop() == &node);
    CHECK(queue.pop() == nullptr);
    CHECK(queue.empty());
}

TEST_CASE("a batched pop gives a list that ends and leaves the rest") {
    GlobalQueue<Node> queue;
    std::array<Node, 4> nodes;
    for (Node& node : nodes) queue.push(&node);
    CHECK(queue.pop(0) == nullptr);
    Node* list = queue.pop(3);
    REQUIRE(list == &nodes[0]);
    CHECK(list->next == &nodes[1]);
    CHECK(list->next->next == &nodes[2]);
    CHECK(list->next->next->next == nullptr);
    CHECK(queue.size() == 1);
    CHECK(queue.pop(10) == &nodes[3]);
    CHECK(queue.empty());
    queue.push(&nodes[2]);
    CHECK(queue.pop() == &nodes[2]);
}

TEST_CASE("threads push to and pop from a global queue and lose nothing") {
    constexpr int kCount = 20'000;
    GlobalQueue<Node> queue;
    std::vector<Node> nodes(kCount);
    std::atomic<int> seen{0};
    auto producer = [&](int first) {
        for (int i = first; i < kCount; i += 2) queue.push(&nodes[static_cast<std::size_t>(i)]);
    };
    auto consumer = [&] {
        while (seen.load(std::memory_order_relaxed) < kCount) {
            Node* node = queue.pop(7);
            if (node == nullptr) std::this_thread::yield();
            while (node != nullptr) {
                Node* next = node->next;
                node->seen.fetch_add(1, std::memory_order_relaxed);
                seen.fetch_add(1, std::memory_order_relaxed);
                node = next;
            }
        }
    };
    std::vector<std::thread> threads;
    threads.emplace_back(producer, 0);
    threads.emplace_back(producer, 1);
    threads.emplace_back(consumer);
    threads.emplace_back(consumer);
    for (std::thread& thread : threads) thread.join();
    int wrong = 0;
    for (const Node& node : nodes) wrong += node.seen.load() != 1;
    CHECK(wrong == 0);
    CHECK(queue.empty());
}
