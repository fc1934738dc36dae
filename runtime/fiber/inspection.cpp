// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/inspection.hpp"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/error.hpp"
#include "runtime/fiber/stacks.hpp"

namespace spindle::runtime {
namespace {

// False where seccomp forbids it.
bool barrier_on_all_threads() noexcept {
    static const bool registered = ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
    return registered && ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

}  // namespace

Inspection::Inspection(std::span<Fiber* const> fibers) : lock_(one_at_a_time) {
    CHECK_THAT(fibers.size() <= kFibersMax);
    for (std::size_t i = 0; i < kFibersMax; ++i) {
        announced[i].store(i < fibers.size() ? fibers[i] : nullptr, std::memory_order_relaxed);
    }
    inspections.fetch_add(1, std::memory_order_seq_cst);
    effective_ = barrier_on_all_threads();
}

Inspection::~Inspection() { inspections.fetch_add(1, std::memory_order_release); }

Inspection::Parked Inspection::parked(const Fiber& fiber) const noexcept {
    if (!effective_ || fiber.mark().state() == FlowState::running) return {};
    Stack* stack = fiber.stack;
    if (stack == nullptr) return {};
    auto* lowest = static_cast<std::byte*>(saved_sp(stack->context).load(std::memory_order_acquire));
    if (lowest == nullptr) return {};
    return {stack, lowest};
}

void Inspection::wait_for_inspector(const Fiber& fiber, std::uint32_t number) noexcept {
    bool mine = false;
    for (const auto& one : announced) mine = mine || one.load(std::memory_order_relaxed) == &fiber;
    while (mine && inspections.load(std::memory_order_acquire) == number) ::sched_yield();
}

}  // namespace spindle::runtime
