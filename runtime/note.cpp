// SPDX-License-Identifier: Apache-2.0
#include "runtime/note.hpp"

#include <algorithm>
#include <cstring>

namespace spindle::runtime {

// The copy that does not hold is overwritten, and holds from then on. Release stores keep the words behind
// the number that was stored last, acquire loads keep them before the second look at it: whoever sees a word
// of the write after the next one sees that the number has changed. Fences would do the same, but are unknown
// to the thread sanitizer.
void Note::write(std::uint64_t number, std::string_view text) noexcept {
    Words words{number};
    if (!text.empty()) std::memcpy(&words[1], text.data(), std::min(text.size(), kTextBytes));
    const std::uint64_t next = written_.load(std::memory_order_relaxed) + 1;
    Copy& copy = copies_[next % 2];
    for (std::size_t i = 0; i < kWords; ++i) copy[i].store(words[i], std::memory_order_release);
    written_.store(next, std::memory_order_release);
}

bool Note::try_read(Words& words) const noexcept {
    const std::uint64_t written = written_.load(std::memory_order_acquire);
    const Copy& copy = copies_[written % 2];
    for (std::size_t i = 0; i < kWords; ++i) words[i] = copy[i].load(std::memory_order_acquire);
    return written_.load(std::memory_order_relaxed) == written;
}

Note::Value Note::read() const {
    Words words{};
    while (!try_read(words)) {
    }
    std::array<char, kTextBytes + 1> text{};
    std::memcpy(text.data(), &words[1], kTextBytes);
    return {words[0], text.data()};
}

}  // namespace spindle::runtime
