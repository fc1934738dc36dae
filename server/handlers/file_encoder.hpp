// SPDX-License-Identifier: Apache-2.0
//
// Files, compressed while they are sent: read and encoded where that holds up nobody, and kept for the next client.
// One for all static routes of a server; any flow.
#pragma once

#include <string_view>

#include "config/config.hpp"
#include "runtime/task.hpp"
#include "server/handlers/encoded_cache.hpp"
#include "server/handlers/file.hpp"
#include "server/pipeline/compression.hpp"

namespace spindle::handlers {

class FileEncoder {
  public:
    explicit FileEncoder(const config::Compression& options) : compression_(options), cache_(kCacheBytesMax) {}

    /// Whether a file of that type is sent encoded to those who accept it.
    [[nodiscard]] bool fits(std::string_view type, const File& file) const noexcept {
        return file.size() <= kFileBytesMax && compression_.fits(type, file.size());
    }
    [[nodiscard]] std::span<const http::Coding> codings() const noexcept { return compression_.codings(); }

    /// Null: to be sent as it is, because it does not get smaller, somebody encodes it at this moment (who is waited for
    /// if it `must` be encoded), too much is held or waiting, or it changes. May suspend; the file must stay until then.
    [[nodiscard]] runtime::task<EncodedCache::Bytes> encoded(const File& file, http::Coding coding, bool must);

  private:
    /// Larger ones would hold much memory and a thread for long; who has such files compresses them beforehand.
    static constexpr std::uint64_t kFileBytesMax = 4 * 1024 * 1024;
    static constexpr std::size_t kCacheBytesMax = 64 * 1024 * 1024;

    const pipeline::Compression compression_;
    EncodedCache cache_;
};

}  // namespace spindle::handlers
