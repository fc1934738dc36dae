// SPDX-License-Identifier: Apache-2.0
//
// What threads of the operating system cost where fibers.cpp and flows.cpp have fibers: the kernel's side of the
// comparison.
#pragma once

namespace spindle::loadtest {

/// Prints "thread_name value" lines, the names being those of the fibers' figures. Takes some seconds.
void measure_threads();

}  // namespace spindle::loadtest
