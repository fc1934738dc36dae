// SPDX-License-Identifier: Apache-2.0
//
// Which answers are compressed while they are sent, and in which coding: bodies that lie in memory whole, short ones at
// once, long ones where they hold up nobody; and streamed ones, piece by piece. For clients that accept it. Any flow.
//
// A response that says Vary: Accept-Encoding was negotiated by its handler, and is left as it is.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "runtime/task.hpp"
#include "server/http/coding.hpp"
#include "server/http/request.hpp"
#include "server/http/response.hpp"
#include "server/http/stream_encoder.hpp"

namespace spindle::pipeline {

class Compression {
  public:
    explicit Compression(const config::Compression& options);

    [[nodiscard]] bool on() const noexcept { return !codings_.empty(); }
    [[nodiscard]] std::span<const http::Coding> codings() const noexcept { return codings_; }

    /// Whether a body of that type (parameters do not count) and size is worth it.
    [[nodiscard]] bool fits(std::string_view content_type, std::uint64_t bytes) const noexcept;

    /// Whether encode() has something to do.
    [[nodiscard]] bool concerns(const http::Response& response) const noexcept;

    /// What can be done at once: all but encoding a long body. Never waits. A stream will be encoded while it is
    /// produced, unless streams hold too much memory already.
    void encode_if_short(const http::Request& request, http::Response& response) const;

    /// May suspend, inside a HandlerScope only. A body that does not get smaller stays as it is, as does a long one
    /// while too much blocking work is waiting.
    [[nodiscard]] runtime::task<void> encode(const http::Request& request, http::Response& response) const;

    /// Longer bodies are encoded elsewhere. As long as this takes about half a millisecond.
    static constexpr std::size_t kShortBytesMax = 16 * 1024;

  private:
    /// Another stream's encoder would not be too much memory.
    [[nodiscard]] bool has_room_for(http::Coding coding) const noexcept;
    /// Null if it is, which others may have brought about since.
    [[nodiscard]] std::shared_ptr<http::StreamEncoder> stream_encoder(http::Coding coding) const;

    std::vector<http::Coding> codings_;
    std::vector<std::string> types_;  ///< sorted
    std::uint64_t bytes_min_;
    std::size_t stream_bytes_max_;
    mutable std::atomic<std::size_t> stream_bytes_{0};  ///< what encoders of streams may come to
};

}  // namespace spindle::pipeline
