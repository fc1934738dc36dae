// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/sim/virtual_threads.hpp"

namespace spindle::sim {

/// Exchanges the running code's for `others`.
void swap_thread_locals(ThreadLocals& others) noexcept;

}  // namespace spindle::sim
