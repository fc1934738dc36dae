// SPDX-License-Identifier: Apache-2.0
//
// What flows cost under the fiber backend's scheduler: spawning, giving way, waking each other.
#pragma once

namespace spindle::loadtest {

/// Prints a "name value" a line. Takes some seconds.
void measure_flows();

}  // namespace spindle::loadtest
