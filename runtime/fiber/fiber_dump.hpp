// SPDX-License-Identifier: Apache-2.0
//
// A dump of the fiber backend: machines, then every fiber with its backtrace. Runs on a thread that is no
// machine; what runs meanwhile goes on running, parked fibers are held for the microseconds in which their
// stacks are read.
#pragma once

#include "runtime/dump.hpp"

namespace spindle::runtime {

class Scheduler;

void dump_fibers(Scheduler& scheduler, const DumpLine& line);

}  // namespace spindle::runtime
