// SPDX-License-Identifier: Apache-2.0
//
// What a request is known by in logs: what a proxy in front calls it, or 32 hexadecimal digits, as a trace id has (W3C
// Trace Context). Half of them are random and the worker's, half count its requests.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include <sys/random.h>

namespace spindle::pipeline {

/// Neither half is 0 in one that was given.
struct RequestId {
    static constexpr std::size_t kBytes = 32;
    using Text = std::array<char, kBytes>;

    std::uint64_t worker = 0;
    std::uint64_t number = 0;

    /// Empty if none was given. A view into `buffer`.
    [[nodiscard]] std::string_view text(Text& buffer) const noexcept {
        if (number == 0) return {};
        put(worker, buffer.data());
        put(number, buffer.data() + kBytes / 2);
        return {buffer.data(), kBytes};
    }

  private:
    static void put(std::uint64_t half, char* at) noexcept {
        for (int shift = 60; shift >= 0; shift -= 4) *at++ = "0123456789abcdef"[half >> shift & 15];
    }
};

/// What others call a request, fit to be passed on: short, and of such bytes as UUIDs, ULIDs and base64 have.
[[nodiscard]] inline bool is_request_id(std::string_view text) noexcept {
    constexpr std::size_t kBytesMax = 128;
    const auto fits = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               std::string_view("-_.:+/=").contains(c);
    };
    return !text.empty() && text.size() <= kBytesMax && std::ranges::all_of(text, fits);
}

/// Gives ids; of one worker.
class RequestIds {
  public:
    [[nodiscard]] RequestId next() noexcept {
        if (worker_ == 0) [[unlikely]]
            begin();
        return {worker_, ++count_};
    }

  private:
    // Not before the first: a fork would else give two workers the same.
    void begin() noexcept {
        while (worker_ == 0 && ::getrandom(&worker_, sizeof worker_, 0) == sizeof worker_) {
        }
        if (worker_ == 0) worker_ = 1;  // no source of randomness in a sandbox
    }
    std::uint64_t worker_ = 0;
    std::uint64_t count_ = 0;
};

}  // namespace spindle::pipeline
