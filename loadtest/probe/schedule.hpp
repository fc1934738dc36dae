// SPDX-License-Identifier: Apache-2.0
//
// The kernel's share: a client that shares its processors with a busy server must run when its time has
// come, or it measures its own lateness.
#pragma once

namespace probe {

/// Asks for the shortest time slice (0.1 ms, Linux 6.12), with which a thread that wakes runs before those
/// that compute. Needs no privilege. False where the kernel knows no slices.
bool ask_for_short_slice() noexcept;

}  // namespace probe
