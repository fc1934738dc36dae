// SPDX-License-Identifier: Apache-2.0
#include "runtime/cycle_clock.hpp"

#include <ctime>
#include <fstream>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace spindle::runtime {

namespace {

constexpr std::uint64_t kCalibrationNanoseconds = 2'000'000;

#if defined(__x86_64__)
// Intel's and AMD's manuals: leaf 0x80000007, EDX bit 8: the counter's rate is the same in all power states.
bool rate_is_invariant() noexcept {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) != 0 && (edx & (1U << 8)) != 0;
}

// The kernel watches it against other clocks and takes it off the list when CPUs disagree.
bool kernel_trusts_it() noexcept {
    try {
        std::ifstream list("/sys/devices/system/clocksource/clocksource0/available_clocksource");
        for (std::string name; list >> name;) {
            if (name == "tsc") return true;
        }
    } catch (const std::exception&) {
    }
    return false;
}
#endif

}  // namespace

bool CycleClock::counter_is_constant() noexcept {
#if defined(__x86_64__)
    return rate_is_invariant() && kernel_trusts_it();
#elif defined(__aarch64__)
    return true;  // the architecture's generic timer
#else
    return false;
#endif
}

std::uint64_t CycleClock::kernel_clock() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

void CycleClock::calibrate() noexcept {
    if (scale_ != 0 || !counter_is_constant()) return;
    // The quickest of a few pairs: nothing came between its two readings.
    struct Pair {
        std::uint64_t count, nanoseconds, width;
    };
    const auto read_pair = [] {
        Pair best{0, 0, UINT64_MAX};
        for (int i = 0; i < 16; ++i) {
            const std::uint64_t before = counter();
            const std::uint64_t nanoseconds = kernel_clock();
            const std::uint64_t after = counter();
            if (after - before < best.width) best = {before + (after - before) / 2, nanoseconds, after - before};
        }
        return best;
    };
    const Pair first = read_pair();
    while (kernel_clock() - first.nanoseconds < kCalibrationNanoseconds) {
    }
    const Pair last = read_pair();
    if (last.count <= first.count || last.nanoseconds <= first.nanoseconds) return;
    scale_ = static_cast<std::uint64_t>((static_cast<Wide>(last.nanoseconds - first.nanoseconds) << kScaleBits) /
                                        (last.count - first.count));
}

}  // namespace spindle::runtime
