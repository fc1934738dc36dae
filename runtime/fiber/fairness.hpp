// SPDX-License-Identifier: Apache-2.0
//
// How long fibers that never stop may keep others waiting on a processor, in dispatches (runs of a fiber up to
// its next wait): bounds that hold whatever the load is.
#pragma once

namespace spindle::runtime {

/// A processor that never runs out of fibers looks into its ring, and takes one from the global queue, at least this
/// often. As in Go.
inline constexpr unsigned kLookAroundEvery = 61;

/// The fiber that was woken last goes before the queue, but not more often than this in a row: two that wake each
/// other in turn would keep the rest waiting for ever.
inline constexpr unsigned kNextInARow = 16;

}  // namespace spindle::runtime
