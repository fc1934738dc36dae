// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/stages.hpp"

#include <doctest/doctest.h>

using spindle::pipeline::Stages;

namespace {

constexpr std::uint64_t kMinute = 60'000'000;  // microseconds
constexpr std::uint64_t kOfMicrosecond = 1000;

}  // namespace

TEST_CASE("stages: what passed is told stage by stage") {
    Stages stages;
    stages.head_complete(100);
    stages.body_waited(200 * kOfMicrosecond);
    stages.answered(1000);
    CHECK(stages.head == 100);
    CHECK(stages.body == 200);
    CHECK(stages.handler == 700);
    CHECK(stages.write(1500) == 500);
}

TEST_CASE("stages: none is told of a request that got no answer, and all of one whose head broke off is its head") {
    Stages stages;
    stages.head_complete(100);
    CHECK(stages.write(1500) == 0);
    Stages broken;
    broken.answered(400);
    CHECK(broken.head == 400);
    CHECK(broken.write(500) == 99);  // a handler that took nothing took a microsecond
}

TEST_CASE("stages: one that lasts longer than is told stays at the most, and gives the others nothing of it") {
    Stages head;
    head.head_complete(72 * kMinute);
    CHECK(head.head == Stages::kMost);
    head.answered(73 * kMinute);
    CHECK(head.handler == 1);
    CHECK(head.write(74 * kMinute) == 0);

    Stages body;
    body.head_complete(100);
    for (int wait = 0; wait < 5; ++wait) body.body_waited(20 * kMinute * kOfMicrosecond);
    CHECK(body.body == Stages::kMost);
    body.answered(100 * kMinute + 200);
    CHECK(body.handler == 1);
    CHECK(body.write(101 * kMinute) == 0);

    Stages handler;
    handler.head_complete(100);
    handler.answered(72 * kMinute);
    CHECK(handler.handler == Stages::kMost);
    CHECK(handler.write(73 * kMinute) == 0);
}

TEST_CASE("stages: their sum may be more than one of them could tell") {
    Stages stages;
    stages.head_complete(40 * kMinute);
    stages.body_waited(40 * kMinute * kOfMicrosecond);
    stages.answered(81 * kMinute);
    CHECK(stages.handler == 1 * kMinute);
    CHECK(stages.write(200 * kMinute) == 119 * kMinute);
}
