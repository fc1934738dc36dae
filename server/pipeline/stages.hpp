// SPDX-License-Identifier: Apache-2.0
//
// How long each stage of a request took, for the access log. In microseconds, as the log has them, and at most 71
// minutes: every connection has a place for them.
#pragma once

#include <algorithm>
#include <cstdint>

namespace spindle::pipeline {

struct Stages {
    std::uint32_t head = 0;     ///< from its first byte to its end
    std::uint32_t body = 0;     ///< waits for bytes of it, also while the answer is sent
    std::uint32_t handler = 0;  ///< until there was an answer, without those waits; 0: there never was

    /// What is left of the `whole`: until the last byte was handed over. What a streamed body's producer takes is in it.
    [[nodiscard]] std::uint64_t write(std::uint64_t whole) const noexcept {
        const std::uint64_t others = std::uint64_t{head} + body + handler;
        return handler == 0 || whole < others ? 0 : whole - others;
    }

    /// Of nanoseconds.
    [[nodiscard]] static std::uint32_t micros(std::uint64_t nanoseconds) noexcept {
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(nanoseconds / 1000, UINT32_MAX));
    }
};

}  // namespace spindle::pipeline
