// SPDX-License-Identifier: Apache-2.0
//
// Looking at eight bytes at once: most of what a parser asks of most bytes is whether one is there that it need not
// be. Answers for whole texts, exact; whoever gets "yes" looks again, byte by byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace spindle::http {

/// Eight bytes, each tested for itself: a mask is zero if no byte has the property.
class EightBytes {
  public:
    explicit EightBytes(const char* at) noexcept { std::memcpy(&word_, at, sizeof word_); }

    /// Bytes below `bound`, which is at most 0x80. (Hacker's Delight, 6-1: exact for whether there is one.)
    [[nodiscard]] std::uint64_t below(unsigned char bound) const noexcept {
        return (word_ - kOnes * bound) & ~word_ & kHighBits;
    }
    [[nodiscard]] std::uint64_t equal(char byte) const noexcept {
        const std::uint64_t zero_where_equal = word_ ^ kOnes * static_cast<unsigned char>(byte);
        return (zero_where_equal - kOnes) & ~zero_where_equal & kHighBits;
    }
    [[nodiscard]] std::uint64_t above_ascii() const noexcept { return word_ & kHighBits; }

  private:
    static constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101U;
    static constexpr std::uint64_t kHighBits = kOnes * 0x80;
    std::uint64_t word_;
};

/// Whether `mask_of(EightBytes)` is zero all over the text, which has at least eight bytes: the last eight are
/// looked at again with some that were seen.
template <class MaskOf>
[[nodiscard]] bool clean(std::string_view text, MaskOf mask_of) noexcept {
    std::uint64_t found = mask_of(EightBytes(text.data() + text.size() - 8));
    for (std::size_t at = 0; at + 8 < text.size(); at += 8) found |= mask_of(EightBytes(text.data() + at));
    return found == 0;
}

}  // namespace spindle::http
