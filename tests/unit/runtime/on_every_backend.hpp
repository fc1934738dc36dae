// SPDX-License-Identifier: Apache-2.0
//
// Runs a flow of control as the main of a real backend without listeners, under every variant, and sees
// that it left nothing. One definition of a behaviour serves them all:
//
//     TEST_CASE("a spawned flow runs") {
//         on_every_backend([](Run&) -> task<void> { … co_return; });
//     }
//
// In a flow no CAPTURE or INFO may stand around a co_await: doctest keeps them in a thread_local list.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "runtime/backend.hpp"
#include "runtime/event_loop/event_loop.hpp"
#include "runtime/fiber/fiber_backend.hpp"
#include "runtime/io.hpp"
#include "runtime/spawn.hpp"
#include "runtime/task.hpp"

namespace spindle::test {

struct BackendVariant {
    const char* name;
    unsigned processors;  ///< 0: event_loop
    [[nodiscard]] bool fiber() const noexcept { return processors > 0; }
};
inline constexpr std::array kBackendVariants{BackendVariant{"event_loop", 0}, BackendVariant{"fiber/1", 1},
                                             BackendVariant{"fiber/2", 2}, BackendVariant{"fiber/8", 8}};

// Under the thread sanitizer every wait inside user code makes and destroys one of its contexts, mostly in the
// kernel: beside other work tens of thousands of them take minutes. There tests are `kThrift` times smaller, and it
// takes longer to tell a hang from slowness.
#ifdef __SANITIZE_THREAD__
inline constexpr int kThrift = 10;
inline constexpr std::chrono::seconds kHangLimit{600};
inline constexpr std::chrono::seconds kShortDrain{2};
#else
inline constexpr int kThrift = 1;
inline constexpr std::chrono::seconds kHangLimit{60};
inline constexpr std::chrono::seconds kShortDrain{1};
#endif

/// 0, or the error's.
template <typename T>
int code_of(const runtime::Result<T>& result) {
    return result ? 0 : result.error().code;
}

/// What a test's flow may ask about its surroundings. Outlives every flow.
struct Run {
    const BackendVariant& variant;
    runtime::Backend& backend;
    std::atomic<unsigned> exceptions{0};  ///< out of spawned flows
};

inline std::unique_ptr<runtime::Backend> make(const BackendVariant& variant) {
    if (variant.fiber()) return runtime::make_fiber({.processors = variant.processors, .stack_size = 128 * 1024});
    return runtime::make_event_loop({.blocking_threads = 2});
}

/// Runs `main(run)`, a task<void>; when it and all that it spawned have ended, nothing may be left.
/// What main throws fails the test. Flows that are left are cancelled 1 s before the end of `drain_timeout`, or at half
/// of it, and must have ended at its end; kShortDrain is for tests of just that.
template <typename Main>
void on_backend(const BackendVariant& variant, const Main& main, std::chrono::nanoseconds drain_timeout = kHangLimit) {
    CAPTURE(variant.name);
    const auto backend = make(variant);
    Run run{.variant = variant, .backend = *backend};
    std::exception_ptr escaped;
    const auto guarded = [&]() -> runtime::task<void> {
        try {
            runtime::task<void> body = main(run);
            co_await body;
        } catch (...) {
            escaped = std::current_exception();
        }
    };
    runtime::Service service;
    service.drain_timeout = drain_timeout;
    service.main = guarded;
    service.abandon = [] {
        std::fputs("a flow did not end even after it was cancelled\n", stderr);
        std::abort();
    };
    service.on_exception = [&run](const char*, const std::exception_ptr&) { ++run.exceptions; };
    const auto ended = backend->run(service);
    REQUIRE(ended.has_value());
    if (escaped) std::rethrow_exception(escaped);
    const runtime::Teardown left = backend->teardown();
    CHECK(left.connections == 0);
    CHECK(left.flows == 0);
    CHECK(left.fibers == 0);
    CHECK(left.buffers == 0);
    CHECK(left.operations == 0);
}

template <typename Main>
void on_every_backend(const Main& main) {
    for (const BackendVariant& variant : kBackendVariants) on_backend(variant, main);
}

}  // namespace spindle::test
