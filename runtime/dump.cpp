// SPDX-License-Identifier: Apache-2.0
#include "runtime/dump.hpp"

#include <cinttypes>
#include <cstdio>
#include <span>
#include <vector>

#include "runtime/cycle_clock.hpp"
#include "runtime/symbols.hpp"

namespace spindle::runtime {
namespace {

const char* text_of(FlowState state, bool in_handler) noexcept {
    if (state == FlowState::running) return "running";
    if (state == FlowState::runnable) return "runnable";
    return in_handler ? "waiting" : "idle";
}

}  // namespace

std::string describe_flow(const char* kind, const SeenFlow& flow, std::uint64_t now) {
    const std::uint64_t since = flow.mark.since();
    const double seconds = static_cast<double>(now > since ? now - since : 0) / 1e9;
    char head[96];
    std::snprintf(head, sizeof head, "%s %" PRIu64 ": %s for %.3f s, ", kind, flow.id,
                  text_of(flow.mark.state(), flow.route != nullptr), seconds);
    std::string text = head;
    text.append(flow.route == nullptr ? "in no handler" : "route ").append(flow.route == nullptr ? "" : flow.route);
    return text.append(", worker ").append(std::to_string(flow.mark.worker()));
}

void dump_backtrace(const Backtrace& trace, const DumpLine& line) {
    for (const void* address : trace.frames()) line("    " + describe_address(address));
}

void dump_flows(FlowRegistry& registry, const DumpLine& line) {
    FlowSummary summary;
    std::vector<SeenFlow> batch;
    FlowRegistry::Walk walk(registry);
    auto look = [&](std::span<Flow* const> flows) {
        for (const Flow* flow : flows) batch.push_back(SeenFlow::of(*flow));
    };
    while (walk.next(look)) {
        const std::uint64_t now = CycleClock::kernel_clock();
        for (const SeenFlow& flow : batch) {
            line(describe_flow("flow", flow, now));
            summary.add(flow);
        }
        batch.clear();
    }
    line(summary.text("flow"));
}

void FlowSummary::add(const SeenFlow& flow) noexcept {
    switch (flow.mark.state()) {
        case FlowState::running: ++running_; break;
        case FlowState::runnable: ++runnable_; break;
        case FlowState::waiting: ++(flow.route != nullptr ? waiting_ : idle_); break;
    }
}

std::string FlowSummary::text(const char* kind) const {
    char line[160];
    std::snprintf(line, sizeof line,
                  "%" PRIu64 " %ss: %" PRIu64 " running, %" PRIu64 " runnable, %" PRIu64
                  " waiting in handlers, %" PRIu64 " idle",
                  running_ + runnable_ + waiting_ + idle_, kind, running_, runnable_, waiting_, idle_);
    return line;
}

}  // namespace spindle::runtime
