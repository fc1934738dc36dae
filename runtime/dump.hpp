// SPDX-License-Identifier: Apache-2.0
//
// The text of a dump: what both backends say in the same words. One line a flow,
//
//     fiber 33: waiting for 12.004 s, route /sleep, worker 1
//
// and beneath it, indented, where it stands if it stands on a stack, innermost call first.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "runtime/backend.hpp"
#include "runtime/backtrace.hpp"
#include "runtime/flow.hpp"

namespace spindle::runtime {

/// How long a dump waits for a thread to tell where it is.
inline constexpr std::chrono::milliseconds kCaptureLimit{200};

/// What was seen of a flow, which may have ended since.
struct SeenFlow {
    std::uint64_t id;
    const char* route;
    Flow::Mark mark;
    [[nodiscard]] static SeenFlow of(const Flow& flow) noexcept { return {flow.id, flow.route, flow.mark()}; }
};

/// `kind`: "fiber" or "flow". `now`: CycleClock::kernel_clock().
[[nodiscard]] std::string describe_flow(const char* kind, const SeenFlow& flow, std::uint64_t now);

/// A line a frame.
void dump_backtrace(const Backtrace& trace, const DumpLine& line);

/// Every flow of `registry`, none of which stands on a stack of its own, and a summary.
void dump_flows(FlowRegistry& registry, const DumpLine& line);

/// "N fibers: a running, b runnable, c waiting in handlers, d idle".
class FlowSummary {
  public:
    void add(const SeenFlow& flow) noexcept;
    [[nodiscard]] std::string text(const char* kind) const;

  private:
    std::uint64_t running_ = 0, runnable_ = 0, waiting_ = 0, idle_ = 0;
};

}  // namespace spindle::runtime
