// SPDX-License-Identifier: Apache-2.0
//
// Bytes in a content coding, by zlib, brotli and zstd. Computes, and long for long texts: who may not be held up
// runs it elsewhere. Any thread; little stack.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/http/coding.hpp"

namespace spindle::http {

/// `bytes` in that coding; nothing if that is not smaller, as with what is compressed already, or if memory is short.
/// Identity is never smaller.
[[nodiscard]] std::optional<std::string> encode(Coding coding, std::string_view bytes) noexcept;

}  // namespace spindle::http
