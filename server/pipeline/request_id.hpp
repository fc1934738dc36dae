// SPDX-License-Identifier: Apache-2.0
//
// What a request is known by in logs: 32 hexadecimal digits, as a trace id has (W3C Trace Context). Half of them are
// random and the worker's, half count its requests.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <sys/random.h>

namespace spindle::pipeline {

class RequestId {
  public:
    RequestId() = default;
    RequestId(std::uint64_t high, std::uint64_t low) noexcept {
        put(high, 0);
        put(low, 16);
        size_ = digits_.size();
    }
    /// Empty: none was given.
    [[nodiscard]] std::string_view text() const noexcept { return {digits_.data(), size_}; }

  private:
    void put(std::uint64_t number, std::size_t at) noexcept {
        for (std::size_t i = 0; i < 16; ++i) digits_[at + i] = "0123456789abcdef"[number >> (60 - 4 * i) & 15];
    }
    std::array<char, 32> digits_;
    std::size_t size_ = 0;
};

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
