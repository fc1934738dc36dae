// SPDX-License-Identifier: Apache-2.0
//
// One io_uring operation in flight. Its address is the submission's user_data, so it must outlive its
// last completion: whoever awaits it owns it and waits for that. Cancelling never shortens this; only
// the target's own completion is final. Of a socket in a Readiness it is what an event completes.
#pragma once

#include <cstdint>

#include "runtime/reactor/timer_wheel.hpp"
#include "runtime/worker.hpp"

namespace spindle::runtime {

struct Operation {
    using Complete = void (*)(Operation&, std::int32_t result, std::uint32_t flags);
    Complete on_complete;
};

/// An operation, or only a time to wait for, that a flow of control waits for with a deadline.
/// `result` is what the kernel said, or -ETIMEDOUT or -ECANCELED when the wait was ended.
struct Wait : Operation, Timer {
    Fired ended = Fired::due;  // first those that fit behind Timer's last byte
    bool in_flight = false;    ///< the kernel has it
    bool overtaken = false;    ///< its timer fired: `ended` tells why
    std::int32_t result = 0;
    Waiter waiter;
    std::uint32_t flags = 0;
};

}  // namespace spindle::runtime
