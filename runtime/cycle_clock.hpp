// SPDX-License-Identifier: Apache-2.0
//
// The cheapest clock there is, for figures: the processor's cycle counter, as nanoseconds from an arbitrary
// beginning. Read at every dispatch, so what counts is that it costs a third of clock_gettime.
//
// For differences only, and for none that anything depends on: it is as exact as its calibration (some
// millionths) and may jump when the machine was suspended. Time-outs stay with CLOCK_MONOTONIC.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace spindle::runtime {

class CycleClock {
  public:
    /// The same on all threads, and in processes forked since calibrate(). Never trusted to be monotonic.
    [[nodiscard]] static std::uint64_t now() noexcept {
        if (scale_ == 0) [[unlikely]]
            return kernel_clock();
        return static_cast<std::uint64_t>((static_cast<Wide>(counter()) * scale_) >> kScaleBits);
    }

    /// CLOCK_MONOTONIC, ns: what time-outs go by.
    [[nodiscard]] static std::uint64_t kernel_clock() noexcept;

    /// What passed since `earlier`; 0 if the counter went back.
    [[nodiscard]] static std::uint64_t since(std::uint64_t earlier, std::uint64_t later) noexcept {
        return later > earlier ? later - earlier : 0;
    }

    /// Measures the counter against CLOCK_MONOTONIC for 2 ms, if it is one that runs at a constant rate on all
    /// CPUs; until then, and where there is none, now() reads CLOCK_MONOTONIC. Once, before threads and forks.
    static void calibrate() noexcept;
    [[nodiscard]] static bool counts_cycles() noexcept { return scale_ != 0; }

  private:
    __extension__ using Wide = unsigned __int128;
    static constexpr unsigned kScaleBits = 32;

    static std::uint64_t counter() noexcept {
#if defined(__x86_64__)
        return __rdtsc();
#elif defined(__aarch64__)
        std::uint64_t value = 0;
        asm volatile("mrs %0, cntvct_el0" : "=r"(value));
        return value;
#else
        return 0;
#endif
    }
    [[nodiscard]] static bool counter_is_constant() noexcept;

    static inline std::uint64_t scale_ = 0;  // nanoseconds a count, kScaleBits of them behind the point
};

}  // namespace spindle::runtime
