// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/fiber/fiber.hpp"
#include "runtime/fiber/stack_trimmer.hpp"
#include "runtime/fiber/stacks.hpp"

using namespace spindle::runtime;

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kSize = 256 * 1024;

std::size_t resident_bytes(const Stack& stack) {
    const auto pages = std::span(stack.base, stack.size / kPage * kPage);
    std::vector<unsigned char> resident(pages.size() / kPage);
    REQUIRE(::mincore(pages.data(), pages.size(), resident.data()) == 0);
    std::size_t bytes = 0;
    for (const unsigned char page : resident) bytes += (page & 1) != 0 ? kPage : 0;
    return bytes;
}

// What a call that deep leaves behind.
void use(Stack& stack, std::size_t bytes) {
    std::byte* lowest = stack.base + stack.size - bytes;
    for (std::byte* at = lowest; at < stack.base + stack.size; at += 512) *at = std::byte{1};
}

void trim_all(StackSlabs& slabs) {
    while (slabs.trim_some()) {
    }
}

}  // namespace

TEST_CASE("a free stack that ran deep gives its pages back once it has rested") {
    for (StackGuard guard : {StackGuard::best, StackGuard::mprotect, StackGuard::canary}) {
        StackSlabs slabs(kSize, guard);
        Stack* stack = slabs.take();
        use(*stack, 200 * 1024);
        CHECK(resident_bytes(*stack) >= 196 * 1024);
        slabs.give(stack);
        trim_all(slabs);
        CHECK(resident_bytes(*stack) >= 196 * 1024);  // it has not rested yet
        slabs.rest();
        trim_all(slabs);
        CHECK(resident_bytes(*stack) <= StackSlabs::kKeptBytes + 2 * kPage);
        CHECK(slabs.high_water_bytes() >= 200 * 1024);
        CHECK(slabs.high_water_bytes() <= 204 * 1024);
        // Usable as before, guard and canary included.
        CHECK(slabs.take() == stack);
        CHECK(stack->intact());
        if (!stack->canary) CHECK(is_guard_page(stack->base - 1));
        use(*stack, 240 * 1024);
        slabs.give(stack);
        CHECK(slabs.made() == 1);
    }
}

TEST_CASE("a stack in use is never trimmed, nor one that is taken again while it rests") {
    StackSlabs slabs(kSize);
    Stack* in_use = slabs.take();
    Stack* taken_again = slabs.take();
    use(*in_use, 100 * 1024);
    use(*taken_again, 100 * 1024);
    slabs.give(taken_again);
    slabs.rest();
    CHECK(slabs.take() == taken_again);
    trim_all(slabs);
    slabs.rest();
    trim_all(slabs);
    CHECK(resident_bytes(*in_use) >= 96 * 1024);
    CHECK(resident_bytes(*taken_again) >= 96 * 1024);
    slabs.give(in_use);
    slabs.give(taken_again);
}

TEST_CASE("many stacks are trimmed in batches and guards survive") {
    StackSlabs slabs(kSize);
    std::vector<Stack*> stacks(3 * StackSlabs::kTrimBatch + 5);
    REQUIRE(slabs.take(stacks) == stacks.size());
    for (Stack* stack : stacks) use(*stack, 64 * 1024);
    slabs.give(stacks);
    slabs.rest();
    trim_all(slabs);
    for (const Stack* stack : stacks) {
        CHECK(resident_bytes(*stack) <= StackSlabs::kKeptBytes + 2 * kPage);
        int fd[2];
        REQUIRE(::pipe(fd) == 0);
        CHECK(::write(fd[1], stack->base - 1, 1) < 0);  // the kernel faults on our behalf
        ::close(fd[0]);
        ::close(fd[1]);
    }
    std::vector<Stack*> again(stacks.size());
    REQUIRE(slabs.take(again) == again.size());
    CHECK(slabs.made() == stacks.size());
    slabs.give(again);
}

TEST_CASE("a cache gives back what was not needed for a while, the coldest first") {
    StackSlabs slabs(kSize);
    StackCache cache(slabs, 16);
    std::vector<Stack*> stacks(12);
    for (Stack*& stack : stacks) stack = cache.take();
    for (Stack* stack : stacks) cache.give(stack);
    cache.rest();
    const unsigned all = cache.size();
    Stack* warm[] = {cache.take(), cache.take(), cache.take()};
    for (Stack* stack : {warm[2], warm[1], warm[0]}) cache.give(stack);
    cache.rest();
    CHECK(all == 12);
    CHECK(cache.size() == 3);
    CHECK(cache.take() == warm[0]);
    cache.give(warm[0]);
    cache.rest();
    cache.rest();
    CHECK(cache.size() == 0);
    CHECK(slabs.taken() == 0);
}

namespace {

/// Calls deeply, then parks with bytes that must be there when it goes on; again and again.
struct DeepFiber {
    explicit DeepFiber(StackSlabs& slabs) : stack(slabs.take()) {
        fiber.route = "/deep";
        make_context(stack->context, stack->memory(), &DeepFiber::run, this);
    }
    void resume() {
        fiber.enter(FlowState::running, 0, 0);
        fiber.stack = nullptr;
        switch_context(home, stack->context);
    }
    static void run(void* self) {
        auto& deep = *static_cast<DeepFiber*>(self);
        volatile unsigned char kept[2000];
        for (unsigned i = 0; i < sizeof kept; ++i) kept[i] = static_cast<unsigned char>(i);
        while (true) {
            call_deeply(180);
            saved_sp(deep.stack->context).store(nullptr, std::memory_order_relaxed);
            deep.fiber.stack = deep.stack;
            deep.fiber.enter(FlowState::waiting, kParkedAt, 0);
            switch_context(deep.stack->context, deep.home);
            for (unsigned i = 0; i < sizeof kept; ++i) deep.intact &= kept[i] == static_cast<unsigned char>(i);
        }
    }
    [[gnu::noinline]] static unsigned call_deeply(unsigned kibibytes) {
        volatile unsigned char frame[1024 - 64];
        frame[0] = 1;
        return kibibytes == 0 ? frame[0] : call_deeply(kibibytes - 1) + frame[0];
    }

    static constexpr std::uint64_t kParkedAt = 1'000'000'000;
    Fiber fiber;
    Stack* stack;
    Context home;
    bool intact = true;
};

}  // namespace

TEST_CASE("a fiber that waits after a deep call gives back what lies below, once a wait") {
    StackSlabs slabs(kSize * 2);
    DeepFiber deep(slabs);
    Flow* const flow = &deep.fiber;
    for (int wait = 0; wait < 2; ++wait) {
        deep.resume();
        CHECK(resident_bytes(*deep.stack) >= 170 * 1024);
        CHECK(trim_parked(slabs, std::span(&flow, 1), DeepFiber::kParkedAt - 2000) == 0);  // too early
        CHECK(trim_parked(slabs, std::span(&flow, 1), DeepFiber::kParkedAt + 2000) == 1);
        CHECK(resident_bytes(*deep.stack) <= 16 * 1024);
        CHECK(trim_parked(slabs, std::span(&flow, 1), DeepFiber::kParkedAt + 2000) == 0);  // is done
    }
    deep.resume();
    CHECK(deep.intact);
    CHECK(slabs.high_water_bytes() >= 170 * 1024);
    deep.fiber.enter(FlowState::running, 0, 0);
    CHECK(trim_parked(slabs, std::span(&flow, 1), DeepFiber::kParkedAt + 2000) == 0);
    CHECK(resident_bytes(*deep.stack) >= 170 * 1024);
    retire_context(deep.stack->context);
    slabs.give(deep.stack);
}

TEST_CASE("the high-water mark is what was used, measured without a trim") {
    StackSlabs slabs(kSize);
    std::vector<Stack*> stacks(40);  // more than the first slab has
    REQUIRE(slabs.take(stacks) == stacks.size());
    slabs.measure_high_water();
    CHECK(slabs.high_water_bytes() <= 3 * kPage);
    use(*stacks[37], 123'000);
    slabs.measure_high_water();
    CHECK(slabs.high_water_bytes() >= 123'000);
    CHECK(slabs.high_water_bytes() < 123'000 + 2 * kPage);
    slabs.give(stacks);
}
