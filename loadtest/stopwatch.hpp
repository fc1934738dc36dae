// SPDX-License-Identifier: Apache-2.0
//
// CPU time of the whole process: what others do on the machine meanwhile does not count, what a second
// thread of ours does, does.
#pragma once

#include <cstddef>
#include <ctime>

namespace spindle::loadtest {

class Stopwatch {
  public:
    [[nodiscard]] double nanoseconds_each(std::size_t count) const {
        return (now() - start_) / static_cast<double>(count);
    }

  private:
    static double now() {
        timespec time{};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
    }
    double start_ = now();
};

}  // namespace spindle::loadtest
