// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace spindle::runtime {

/// A connection as it was accepted; two words of 32 bits, so that it costs a frame no more than its descriptor.
struct Accepted {
    int descriptor;
    unsigned listener;  ///< its place in Service::listeners
};

}  // namespace spindle::runtime
