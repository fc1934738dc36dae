// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/thread_state.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string_view>

namespace spindle::runtime {

bool is_asleep(int thread) noexcept {
    std::array<char, 48> path{};
    std::snprintf(path.data(), path.size(), "/proc/self/task/%d/stat", thread);
    const int file = ::open(path.data(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return true;
    std::array<char, 128> text{};
    const ssize_t size = ::read(file, text.data(), text.size());
    ::close(file);
    if (size <= 0) return true;
    // "TID (name) STATE …", and a name may contain anything.
    const std::string_view stat(text.data(), static_cast<std::size_t>(size));
    const std::size_t end = stat.rfind(") ");
    return end == stat.npos || end + 2 >= stat.size() || stat[end + 2] != 'R';
}

}  // namespace spindle::runtime
