// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/context.hpp"

#include <doctest/doctest.h>
#include <unwind.h>

#include <atomic>
#include <cfenv>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/fiber/stacks.hpp"

using namespace spindle::runtime;

namespace {

#if defined(SPINDLE_TSAN)
constexpr unsigned kMany = 1000;  // TSan has 8128 contexts of 870 KiB each
constexpr unsigned kJobs = 300;
#else
constexpr unsigned kMany = 20'000;
constexpr unsigned kJobs = 3000;
#endif

// A fiber that goes back and forth with whoever resumes it. Ends by waiting, never to be resumed.
class TestFiber {
  public:
    TestFiber(StackSlabs& slabs, std::function<void(TestFiber&)> body)
        : slabs_(slabs), stack_(slabs.take()), body_(std::move(body)) {
        REQUIRE(stack_ != nullptr);
        make_context(stack_->context, stack_->memory(), &TestFiber::run, this);
    }
    ~TestFiber() {
        retire_context(stack_->context);
        slabs_.give(stack_);
    }
    void resume() { switch_context(resumer_, stack_->context); }
    void wait() { switch_context(stack_->context, resumer_); }
    [[nodiscard]] bool done() const { return done_; }
    [[nodiscard]] Stack& stack() { return *stack_; }

  private:
    static void run(void* self_pointer) {
        auto* self = static_cast<TestFiber*>(self_pointer);
        self->body_(*self);
        self->body_ = nullptr;
        self->done_ = true;
        while (true) self->wait();
    }
    StackSlabs& slabs_;
    Stack* stack_;
    Context resumer_;
    std::function<void(TestFiber&)> body_;
    bool done_ = false;
};

std::string what(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& error) {
        return error.what();
    }
}

unsigned frames_to_the_end() {
    unsigned frames = 0;
    auto count = [](_Unwind_Context*, void* counter) {
        return ++*static_cast<unsigned*>(counter) < 1000 ? _URC_NO_REASON : _URC_END_OF_STACK;
    };
    _Unwind_Backtrace(count, &frames);
    return frames;
}

}  // namespace

TEST_CASE("a context runs its entry when first switched to and goes on where it left") {
    StackSlabs slabs(128 * 1024);
    std::vector<int> order;
    TestFiber fiber(slabs, [&](TestFiber& self) {
        order.push_back(1);
        self.wait();
        order.push_back(3);
    });
    CHECK(order.empty());
    fiber.resume();
    order.push_back(2);
    CHECK_FALSE(fiber.done());
    fiber.resume();
    CHECK(fiber.done());
    CHECK(order == std::vector{1, 2, 3});
}

TEST_CASE("a context keeps callee-saved registers and its stack is aligned for vector code") {
    StackSlabs slabs(128 * 1024);
    double sum = 0;
    TestFiber fiber(slabs, [&](TestFiber& self) {
        alignas(32) volatile double kept[4] = {1, 2, 3, 4};
        CHECK(reinterpret_cast<std::uintptr_t>(&kept) % 32 == 0);
        double a = kept[0], b = kept[1], c = kept[2];
        long i = static_cast<long>(kept[3]), j = i + 1, k = i + 2, l = i + 3, m = i + 4, n = i + 5;
        self.wait();
        sum = a + b + c + static_cast<double>(i + j + k + l + m + n);
    });
    fiber.resume();
    char text[64];
    CHECK(std::snprintf(text, sizeof text, "%f %f", 1.5, 2.5) == 17);
    fiber.resume();
    CHECK(sum == 6 + 39);
}

TEST_CASE("the rounding mode belongs to the context") {
    StackSlabs slabs(128 * 1024);
    TestFiber fiber(slabs, [&](TestFiber& self) {
        CHECK(std::fegetround() == FE_TONEAREST);
        std::fesetround(FE_UPWARD);
        self.wait();
        CHECK(std::fegetround() == FE_UPWARD);
        self.wait();
    });
    fiber.resume();
    CHECK(std::fegetround() == FE_TONEAREST);
    std::fesetround(FE_DOWNWARD);
    fiber.resume();
    CHECK(std::fegetround() == FE_DOWNWARD);
    std::fesetround(FE_TONEAREST);
}

TEST_CASE("unwinding ends at the first frame of a context") {
    StackSlabs slabs(128 * 1024);
    unsigned frames = 0;
    TestFiber fiber(slabs, [&](TestFiber& self) {
        self.wait();
        frames = frames_to_the_end();
    });
    fiber.resume();
    fiber.resume();
    CHECK(frames > 1);
    CHECK(frames < 20);
}

TEST_CASE("suspending inside a catch block keeps each context's own exception") {
    StackSlabs slabs(128 * 1024);
    auto body = [](std::string name, std::string& rethrown) {
        return [name, &rethrown](TestFiber& self) {
            try {
                try {
                    throw std::runtime_error(name);
                } catch (...) {
                    self.wait();
                    CHECK(what(std::current_exception()) == name);
                    self.wait();
                    throw;
                }
            } catch (const std::runtime_error& error) {
                self.wait();
                rethrown = error.what();
            }
        };
    };
    std::string a, b;
    TestFiber first(slabs, body("first", a));
    TestFiber second(slabs, body("second", b));
    first.resume();
    CHECK(std::current_exception() == nullptr);
    second.resume();
    try {
        throw std::logic_error("resumer");
    } catch (...) {
        for (int i = 0; i < 3; ++i) {
            first.resume();
            second.resume();
            CHECK(what(std::current_exception()) == "resumer");
        }
    }
    CHECK(first.done());
    CHECK(second.done());
    CHECK(a == "first");
    CHECK(b == "second");
}

TEST_CASE("suspending while an exception unwinds keeps the count of uncaught exceptions") {
    StackSlabs slabs(128 * 1024);
    struct WaitsWhenDestroyed {
        TestFiber& self;
        ~WaitsWhenDestroyed() {
            CHECK(std::uncaught_exceptions() == 1);
            self.wait();
            CHECK(std::uncaught_exceptions() == 1);
        }
    };
    bool caught = false;
    TestFiber fiber(slabs, [&](TestFiber& self) {
        try {
            WaitsWhenDestroyed guard{self};
            throw 7;
        } catch (int value) {
            caught = value == 7;
        }
    });
    fiber.resume();
    CHECK(std::uncaught_exceptions() == 0);
    CHECK_THROWS_AS(throw std::runtime_error("other"), std::runtime_error);
    fiber.resume();
    CHECK(caught);
    CHECK(fiber.done());
}

TEST_CASE("a context inside a catch block migrates between two threads") {
    StackSlabs slabs(128 * 1024);
    constexpr int kRounds = 200;
    int rounds = 0;
    std::vector<std::thread::id> seen;
    auto here = []() __attribute__((noinline)) { return std::this_thread::get_id(); };
    TestFiber fiber(slabs, [&](TestFiber& self) {
        for (int i = 0; i < kRounds; ++i) {
            const std::string name = "round " + std::to_string(i);
            try {
                throw std::runtime_error(name);
            } catch (const std::runtime_error& error) {
                self.wait();
                rounds += error.what() == name && what(std::current_exception()) == name;
            }
        }
    });
    std::atomic<int> turn{0};
    auto worker = [&](int mine) {
        while (true) {
            const int now = turn.load(std::memory_order_acquire);
            if (now < 0) return;
            if (now != mine) {
                std::this_thread::yield();
                continue;
            }
            CHECK(std::current_exception() == nullptr);
            if (seen.size() < 2) seen.push_back(here());
            fiber.resume();
            turn.store(fiber.done() ? -1 : 1 - mine, std::memory_order_release);
        }
    };
    std::thread one(worker, 0), other(worker, 1);
    one.join();
    other.join();
    CHECK(rounds == kRounds);
    REQUIRE(seen.size() == 2);
    CHECK(seen[0] != seen[1]);
}

TEST_CASE("many contexts take turns") {
    StackSlabs slabs(64 * 1024);
    std::uint64_t sum = 0;
    std::vector<std::unique_ptr<TestFiber>> fibers;
    for (unsigned i = 0; i < kMany; ++i) {
        fibers.push_back(std::make_unique<TestFiber>(slabs, [&sum, i](TestFiber& self) {
            volatile unsigned kept = i;
            for (int round = 0; round < 3; ++round) {
                self.wait();
                sum += kept;
            }
        }));
    }
    for (int round = 0; round < 4; ++round) {
        for (auto& fiber : fibers) fiber->resume();
    }
    for (auto& fiber : fibers) REQUIRE(fiber->done());
    CHECK(sum == std::uint64_t{3} * kMany * (kMany - 1) / 2);
}

namespace {

// The scheduler's scheme in small: the loop runs on whichever stack is current. A job that waits
// keeps its stack and the loop goes on upon a spare one; resuming it gives up the resumer's stack.
struct BorrowingLoop {
    StackSlabs slabs{128 * 1024};
    Context home;
    Stack* current = nullptr;
    Stack* abandoned = nullptr;  // recycled by the code that runs after the switch
    std::vector<Stack*> parked;
    unsigned jobs_left = 0;
    unsigned finished = 0;

    void recycle() {
        if (abandoned != nullptr) slabs.give(std::exchange(abandoned, nullptr));
    }
    Stack* fresh() {
        Stack* stack = slabs.take();
        make_context(
            stack->context, stack->memory(),
            [](void* self) {
                auto* loop = static_cast<BorrowingLoop*>(self);
                loop->recycle();
                loop->run();
                switch_and_abandon(loop->current->context, loop->home);
            },
            this);
        return stack;
    }
    void park() {
        Stack* own = current;
        parked.push_back(own);
        current = fresh();
        switch_context(own->context, current->context);
        recycle();
    }
    void unpark_oldest() {
        Stack* target = parked.front();
        parked.erase(parked.begin());
        abandoned = std::exchange(current, target);
        switch_and_abandon(abandoned->context, target->context);
    }
    void job(unsigned number) {
        try {
            if (number % 3 == 0) throw number;
        } catch (unsigned thrown) {
            park();
            finished += thrown == number && what(std::make_exception_ptr(std::runtime_error("x"))) == "x";
            return;
        }
        if (number % 3 == 1) park();
        ++finished;
    }
    void run() {
        while (true) {
            if (jobs_left != 0) {
                job(jobs_left--);
            } else if (!parked.empty()) {
                unpark_oldest();
            } else {
                return;
            }
            if (parked.size() > 5) unpark_oldest();
        }
    }
};

}  // namespace

TEST_CASE("a resumed context recycles the stack that its resumer abandoned") {
    BorrowingLoop loop;
    loop.jobs_left = kJobs;
    loop.current = loop.fresh();
    switch_context(loop.home, loop.current->context);
    loop.slabs.give(loop.current);
    CHECK(loop.finished == kJobs);
    CHECK(loop.slabs.taken() == 0);
    CHECK(loop.slabs.made() <= 8);
}
