// SPDX-License-Identifier: Apache-2.0
//
// Between two looks at what another thread is about to write: tells the CPU that this is all it does.
#pragma once

namespace spindle::runtime {

inline void relax() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb" ::: "memory");
#endif
}

}  // namespace spindle::runtime
