// SPDX-License-Identifier: Apache-2.0
//
// A number and a short text that belong together (a duration and the route that took it), written now and
// then by one thread and read whole by any, also from another process: a sequence lock. The text is copied,
// since a pointer means nothing in another process.
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
    /// Any thread. While it is written, and if the writer died at it, what is there.
    [[nodiscard]] Value read() const;

  private:
    static constexpr std::size_t kWords = 1 + (kTextBytes + 1) / sizeof(std::uint64_t);
    static constexpr unsigned kAttempts = 1000;
    using Words = std::array<std::uint64_t, kWords>;

    [[nodiscard]] bool try_read(Words& words) const noexcept;

    std::atomic<std::uint64_t> version_{0};  // odd while it is written
    std::array<std::atomic<std::uint64_t>, kWords> words_{};
};

}  // namespace spindle::runtime
