// SPDX-License-Identifier: Apache-2.0
//
// A number and a short text that belong together (a duration and the route that took it), written now and
// then by one thread and read whole by any, also from another process. Two copies take turns, so that a
// reader need not wait for a writer that was interrupted, or died, in the middle of one. The text is
// copied, since a pointer means nothing in another process.
//
// Rejected: a sequence lock over one copy. Its readers spin while the writer is not scheduled.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace spindle::runtime {

class Note {
  public:
    static constexpr std::size_t kTextBytes = 63;  ///< of longer ones the beginning is kept

    struct Value {
        std::uint64_t number = 0;
        std::string text;
    };

    /// One thread at a time.
    void write(std::uint64_t number, std::string_view text) noexcept;
    /// Any thread. What was written last; looks again if it is written meanwhile.
    [[nodiscard]] Value read() const;

  private:
    static constexpr std::size_t kWords = 1 + (kTextBytes + 1) / sizeof(std::uint64_t);
    using Words = std::array<std::uint64_t, kWords>;
    using Copy = std::array<std::atomic<std::uint64_t>, kWords>;

    [[nodiscard]] bool try_read(Words& words) const noexcept;

    std::atomic<std::uint64_t> written_{0};  // times; its lowest bit says which copy holds
    std::array<Copy, 2> copies_{};
};

}  // namespace spindle::runtime
