// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <set>
#include <thread>
#include <vector>

#include "runtime/dump.hpp"

using namespace spindle::runtime;

namespace {

std::vector<std::uint64_t> ids_of(FlowRegistry& registry) {
    std::vector<std::uint64_t> ids;
    FlowRegistry::Walk walk(registry);
    while (walk.next([&](std::span<Flow* const> flows) {
        for (const Flow* flow : flows) ids.push_back(flow->id);
    })) {
    }
    return ids;
}

}  // namespace

TEST_CASE("a walk sees every flow once, whatever worker it began on") {
    FlowRegistry registry;
    CHECK(ids_of(registry).empty());
    std::deque<Flow> flows(500);
    unsigned worker = 0;
    for (Flow& flow : flows) registry.add(flow, worker++ % 37);
    const std::vector<std::uint64_t> ids = ids_of(registry);
    CHECK(ids.size() == 500);
    CHECK(std::set(ids.begin(), ids.end()).size() == 500);
    CHECK(std::set(ids.begin(), ids.end()).count(0) == 0);
    for (Flow& flow : flows) registry.remove(flow);
    CHECK(ids_of(registry).empty());
}

TEST_CASE("flows that come and go, and other walks, do not disturb a walk") {
    FlowRegistry registry;
    std::deque<Flow> staying(200);
    std::deque<Flow> going(100);
    for (std::size_t i = 0; i < staying.size(); ++i) {
        registry.add(staying[i], 0);
        if (i < going.size()) registry.add(going[i], 0);
    }
    std::set<std::uint64_t> seen;
    std::size_t removed = 0;
    std::deque<Flow> coming;
    FlowRegistry::Walk walk(registry);
    FlowRegistry::Walk other(registry);
    const auto ignore = [](std::span<Flow* const>) {};
    while (walk.next([&](std::span<Flow* const> flows) {
        for (const Flow* flow : flows) CHECK(seen.insert(flow->id).second);
    })) {
        CHECK(other.next(ignore));
        for (int i = 0; i < 15 && removed < going.size(); ++i) registry.remove(going[removed++]);
        registry.add(coming.emplace_back(), 0);
    }
    for (const Flow& flow : staying) CHECK(seen.count(flow.id) == 1);
    CHECK(ids_of(registry).size() == staying.size() + coming.size() + going.size() - removed);
}

TEST_CASE("threads add, remove and walk at once") {
    FlowRegistry registry;
    std::atomic<bool> ended{false};
    std::thread walker([&] {
        while (!ended.load()) (void)ids_of(registry);
    });
    auto churn = [&](unsigned worker) {
        std::vector<Flow> flows(50);
        for (int round = 0; round < 200; ++round) {
            for (Flow& flow : flows) registry.add(flow, worker);
            for (Flow& flow : flows) registry.remove(flow);
        }
    };
    std::thread one(churn, 0), two(churn, 1), same(churn, 0);
    one.join();
    two.join();
    same.join();
    ended = true;
    walker.join();
    CHECK(ids_of(registry).empty());
}

TEST_CASE("a flow's mark tells state, time and worker, and is trimmed only while it is the same") {
    Flow flow;
    flow.enter(FlowState::waiting, 5'000'000'000, 130);
    const Flow::Mark mark = flow.mark();
    CHECK(mark.state() == FlowState::waiting);
    CHECK(mark.worker() == 2);  // modulo 128
    CHECK(5'000'000'000 - mark.since() < 1024);
    CHECK_FALSE(mark.trimmed());
    flow.set_trimmed(mark);
    CHECK(flow.mark().trimmed());
    CHECK(flow.mark().state() == FlowState::waiting);
    flow.enter(FlowState::running, 6'000'000'000, 1);
    flow.set_trimmed(mark);
    CHECK_FALSE(flow.mark().trimmed());
    CHECK(flow.mark().state() == FlowState::running);
}

TEST_CASE("a flow is described by number, state, age and route") {
    Flow flow;
    flow.id = 33;
    flow.enter(FlowState::waiting, 1'000'000'000, 1);
    CHECK(describe_flow("flow", SeenFlow::of(flow), 3'500'000'000) ==
          "flow 33: idle for 2.500 s, in no handler, worker 1");
    flow.route = "/sleep";
    CHECK(describe_flow("fiber", SeenFlow::of(flow), 3'500'000'000) ==
          "fiber 33: waiting for 2.500 s, route /sleep, worker 1");
    flow.enter(FlowState::running, 1'000'000'000, 0);
    CHECK(describe_flow("fiber", SeenFlow::of(flow), 0) == "fiber 33: running for 0.000 s, route /sleep, worker 0");
}
