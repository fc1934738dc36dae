// SPDX-License-Identifier: Apache-2.0
//
// Names of functions for addresses of this process: of the executable from the symbol table of its file
// (static and hidden functions too, which dladdr does not know and -rdynamic does not show), of shared
// libraries by dladdr. A stripped executable has only what dladdr finds.
#pragma once

#include <string>

namespace spindle::runtime {

/// "spindle::handlers::cpu(…)+0x1c", without a known function "libc.so.6+0x9c5a0", else "0x7f…". The offsets
/// are in hexadecimal; one of a file is what addr2line takes. Reads the executable's file at the first call.
/// Any thread; not in a signal handler.
[[nodiscard]] std::string describe_address(const void* address);

}  // namespace spindle::runtime
