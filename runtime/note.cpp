// SPDX-License-Identifier: Apache-2.0
#include "runtime/note.hpp"

#include <algorithm>
#include <cstring>

namespace spindle::runtime {

// Release stores keep the words behind the odd version, acquire loads keep them before the second look at
// it. Fences would do the same, but are unknown to the thread sanitizer.
void Note::write(std::uint64_t number, std::string_view text) noexcept {
    Words words{number};
    if (!text.empty()) std::memcpy(&words[1], text.data(), std::min(text.size(), kTextBytes));
    const std::uint64_t version = version_.load(std::memory_order_relaxed);
    version_.store(version + 1, std::memory_order_relaxed);
    for (std::size_t i = 0; i < kWords; ++i) words_[i].store(words[i], std::memory_order_release);
    version_.store(version + 2, std::memory_order_release);
}

bool Note::try_read(Words& words) const noexcept {
    const std::uint64_t version = version_.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < kWords; ++i) words[i] = words_[i].load(std::memory_order_acquire);
    return version % 2 == 0 && version_.load(std::memory_order_relaxed) == version;
}

Note::Value Note::read() const {
    Words words{};
    for (unsigned attempt = 0; attempt < kAttempts && !try_read(words); ++attempt) {
    }
    std::array<char, kTextBytes + 1> text{};
    std::memcpy(text.data(), &words[1], kTextBytes);
    return {words[0], text.data()};
}

}  // namespace spindle::runtime
