// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/stall_log.hpp"

#include <new>
#include <string_view>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "runtime/symbols.hpp"

namespace spindle::pipeline {

namespace {

const char* route_of(const runtime::Stall& stall) noexcept {
    return stall.route == nullptr ? "(no handler)" : stall.route;
}

double milliseconds(std::chrono::nanoseconds duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

std::string left_out(std::uint64_t count) {
    return count == 0 ? "" : fmt::format(" ({} more of these were not logged)", count);
}

bool is_event_loop(const runtime::Stall& stall) { return stall.backend == std::string_view("event_loop"); }

}  // namespace

std::optional<std::uint64_t> RateLimit::pass(const std::string& key, Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    const auto [found, first] = seen_.try_emplace(key, Seen{now});
    Seen& seen = found->second;
    if (!first && now - seen.last < period_) {
        ++seen.left_out;
        return std::nullopt;
    }
    seen.last = now;
    return std::exchange(seen.left_out, 0);
}

namespace {

// Worth no more than its line: it is told by threads that nobody restarts.
template <class Tell>
void unless_memory_is_out(const Tell& tell) noexcept {
    try {
        tell();
    } catch (const std::bad_alloc&) {
        spdlog::warn("a handler holds its worker for too long, and there is no memory to say which");
    }
}

}  // namespace

void StallLog::noticed(const runtime::Stall& stall) noexcept {
    unless_memory_is_out([&] { tell_noticed(stall); });
}

void StallLog::ended(const runtime::Stall& stall) noexcept {
    unless_memory_is_out([&] { tell_ended(stall); });
}

void StallLog::tell_noticed(const runtime::Stall& stall) {
    const char* route = route_of(stall);
    if (stall.handed_off) {  // what the fiber backend is for: nobody waits
        spdlog::debug(
            "processor {} was handed to another thread: the handler of route {} has been running for {:.1f} ms",
            stall.worker, route, milliseconds(stall.lasted));
        return;
    }
    const auto omitted = noticed_.pass(route, RateLimit::Clock::now());
    if (!omitted) return;
    if (!is_event_loop(stall)) {
        spdlog::warn(
            "processor {} is stuck in the handler of route {} and no thread is left to take it over: "
            "raise concurrency.fiber.threads_max{}",
            stall.worker, route, left_out(*omitted));
        return;
    }
    std::string text = fmt::format(
        "event loop of worker {} is frozen: the handler of route {} has been running for {:.0f} ms; "
        "nothing else is served meanwhile (declare it blocking, or use backend = \"fiber\"){}",
        stall.worker, route, milliseconds(stall.lasted), left_out(*omitted));
    // One message, so that no other line comes between.
    for (const void* address : stall.frames) text.append("\n    at ").append(runtime::describe_address(address));
    spdlog::warn("{}", text);
}

void StallLog::tell_ended(const runtime::Stall& stall) {
    if (stall.handed_off) {
        spdlog::debug("the handler of route {} ran for {:.1f} ms on a thread of its own", route_of(stall),
                      milliseconds(stall.lasted));
        return;
    }
    const auto omitted = ended_.pass(route_of(stall), RateLimit::Clock::now());
    if (!omitted) return;
    spdlog::warn("the handler of route {} held the event loop of worker {} for {:.1f} ms{}", route_of(stall),
                 stall.worker, milliseconds(stall.lasted), left_out(*omitted));
}

}  // namespace spindle::pipeline
