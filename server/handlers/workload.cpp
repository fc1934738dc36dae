// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/workload.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <ctime>
#include <optional>
#include <stdexcept>

#include <unistd.h>

#include "runtime/io.hpp"

namespace spindle::handlers {

using pipeline::Context;
using pipeline::Request;
using pipeline::Response;
using pipeline::task;

namespace {

/// A number in the query, with its bounds: enough for any comparison, too little to hold a server for long.
struct Parameter {
    std::string_view name;
    std::string_view unit;
    std::uint64_t max;
};
constexpr Parameter kMicroseconds{"us", "microseconds", 10'000'000};
constexpr Parameter kKibibytes{"kib", "KiB of stack", 16 * 1024};
constexpr Parameter kMilliseconds{"ms", "milliseconds", 60'000};

std::optional<std::uint64_t> read_parameter(const Request& request, const Parameter& parameter) {
    const std::string_view text = request.query_value(parameter.name).value_or("");
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > parameter.max) return std::nullopt;
    return value;
}

Response refusal(const Request& request, const Parameter& parameter) {
    return Response::text(400, fmt::format("{0}: a whole number of {1} from 0 to {2}, for example {3}?{0}=100\n",
                                           parameter.name, parameter.unit, parameter.max, request.path));
}

Response answer(std::string_view content_type, http::Body body) {
    Response response;
    response.content_type = content_type;
    response.body = std::move(body);
    return response;
}

Response done(std::string_view what, std::uint64_t amount, std::string_view unit) {
    return Response::text(200, fmt::format("{} for {} {}\n", what, amount, unit));
}

void block_thread(std::uint64_t milliseconds) noexcept {
    timespec left{.tv_sec = static_cast<std::time_t>(milliseconds / 1000),
                  .tv_nsec = static_cast<long>(milliseconds % 1000) * 1'000'000};
    while (::clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {
    }
}

std::chrono::nanoseconds cpu_time() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// One KiB a call, registers and return address included; the frame is used after the call, so none is saved.
[[gnu::noinline]] unsigned use_stack(
    std::uint64_t kibibytes) noexcept {  // NOLINT(misc-no-recursion): that is the point
    volatile unsigned char frame[1024 - 64];
    frame[0] = static_cast<unsigned char>(kibibytes);
    const unsigned below = kibibytes <= 1 ? 0 : use_stack(kibibytes - 1);
    return below + frame[0];
}

}  // namespace

Response plaintext(Request&, Context&) { return answer("text/plain", std::string_view("Hello, World!")); }

Response json(Request&, Context&) {
    return answer("application/json", std::string_view(R"({"message":"Hello, World!"})"));
}

Response backend(Request&, Context&) {
    const runtime::WorkerIdentity identity = runtime::current_identity();
    Response response =
        answer("application/json", fmt::format(R"({{"backend":"{}","process":{},"worker":{},"thread":{}}})",
                                               identity.backend, ::getpid(), identity.worker, identity.thread));
    response.set("Cache-Control", "no-store");
    return response;
}

Response cpu(Request& request, Context&) {
    const auto microseconds = read_parameter(request, kMicroseconds);
    if (!microseconds) return refusal(request, kMicroseconds);
    // The thread's own clock: what other threads of this processor do meanwhile does not count.
    const auto end = cpu_time() + std::chrono::microseconds(*microseconds);
    while (cpu_time() < end) {
    }
    return done("computed", *microseconds, kMicroseconds.unit);
}

task<Response> sleep(Request& request, Context&) {
    const auto milliseconds = read_parameter(request, kMilliseconds);
    if (!milliseconds) co_return refusal(request, kMilliseconds);
    const auto slept = co_await runtime::sleep_for(std::chrono::milliseconds(*milliseconds));
    if (!slept) co_return pipeline::unfinished(slept.error());
    co_return done("slept", *milliseconds, kMilliseconds.unit);
}

Response block(Request& request, Context&) {
    const auto milliseconds = read_parameter(request, kMilliseconds);
    if (!milliseconds) return refusal(request, kMilliseconds);
    block_thread(*milliseconds);
    return done("blocked a thread", *milliseconds, kMilliseconds.unit);
}

task<Response> offload(Request& request, Context&) {
    const auto milliseconds = read_parameter(request, kMilliseconds);
    if (!milliseconds) co_return refusal(request, kMilliseconds);
    const auto work = [milliseconds = *milliseconds] { block_thread(milliseconds); };
    const auto result = co_await runtime::blocking(work);
    if (!result && result.error().code != EAGAIN) co_return pipeline::unfinished(result.error());
    if (!result) co_return Response::busy("too much blocking work is waiting already\n");
    co_return done("blocked a thread of the pool", *milliseconds, kMilliseconds.unit);
}

Response recurse(Request& request, Context&) {
    const auto kibibytes = read_parameter(request, kKibibytes);
    if (!kibibytes) return refusal(request, kKibibytes);
    [[maybe_unused]] const volatile unsigned used = use_stack(*kibibytes);
    return Response::text(200, fmt::format("used {} {}\n", *kibibytes, kKibibytes.unit));
}

Response throw_(Request&, Context&) { throw std::runtime_error("this handler always throws"); }

}  // namespace spindle::handlers
