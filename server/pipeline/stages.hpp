// SPDX-License-Identifier: Apache-2.0
//
// How long each stage of a request took, for the access log. In microseconds, as the log has them, and at most 71
// minutes (kMost), which then mean "at least": every connection has a place for them, and 64 bits would not pay.
#pragma once

#include <algorithm>
#include <cstdint>

namespace spindle::pipeline {

struct Stages {
    static constexpr std::uint32_t kMost = UINT32_MAX;

    std::uint32_t head = 0;     ///< from its first byte to its end; 0: it never was complete
    std::uint32_t body = 0;     ///< waits for bytes of it, also while the answer is sent
    std::uint32_t handler = 0;  ///< until there was an answer, without those waits; 0: there never was

    // `passed`: microseconds since the first byte.
    void head_complete(std::uint64_t passed) noexcept { head = std::max(1U, at_most(passed)); }
    void body_waited(std::uint64_t nanoseconds) noexcept { body = at_most(body + nanoseconds / 1000); }
    void answered(std::uint64_t passed) noexcept {
        if (head == 0) head_complete(passed);
        handler = std::max(1U, at_most(without_stages(passed)));
    }

    /// What is left of the `whole`: until the last byte was handed over. What a streamed body's producer takes is in it.
    [[nodiscard]] std::uint64_t write(std::uint64_t whole) const noexcept {
        return handler == 0 || handler == kMost ? 0 : without_stages(whole, handler);
    }

  private:
    static std::uint32_t at_most(std::uint64_t micros) noexcept {
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(micros, kMost));
    }
    /// 0 where one of them took longer than it tells: the rest of it would pass for another stage's.
    [[nodiscard]] std::uint64_t without_stages(std::uint64_t micros, std::uint32_t other = 0) const noexcept {
        const std::uint64_t told = std::uint64_t{head} + body + other;
        return head == kMost || body == kMost ? 0 : micros - std::min(micros, told);
    }
};

}  // namespace spindle::pipeline
