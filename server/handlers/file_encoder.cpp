// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/file_encoder.hpp"

#include <cerrno>
#include <chrono>
#include <optional>
#include <string>

#include "runtime/io.hpp"
#include "server/http/encode.hpp"

namespace spindle::handlers {
namespace {

using Bytes = EncodedCache::Bytes;

/// For who cannot do without what another one encodes.
constexpr std::chrono::milliseconds kLookAgainAfter{5};

/// What came of reading and encoding. Not read: nothing is known about the file.
struct Work {
    bool read = false;
    std::optional<std::string> encoded;
};

Work encode(std::string_view plain, http::Coding coding) {
    return {.read = true, .encoded = http::encode(coding, plain)};
}

/// Waits for the disk and computes: holds its thread.
Work read_and_encode(const File& file, http::Coding coding) {
    if (file.bytes != nullptr) return encode(*file.bytes, coding);
    std::string plain(file.size(), '\0');
    std::size_t done = 0;
    while (done < plain.size()) {
        const ssize_t count =
            ::pread(file.descriptor(), plain.data() + done, plain.size() - done, static_cast<off_t>(done));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return {};
        done += static_cast<std::size_t>(count);
    }
    return file.unchanged() ? encode(plain, coding) : Work{};
}

}  // namespace

runtime::task<Bytes> FileEncoder::encoded(const File& file, http::Coding coding, bool must) {
    const EncodedCache::Key key(file.status, coding);
    EncodedCache::Found found = cache_.look(key);
    while (must && found.state == EncodedCache::State::busy) {
        const auto slept = co_await runtime::sleep_for(kLookAgainAfter);
        if (!slept) co_return nullptr;
        found = cache_.look(key);
    }
    if (found.state != EncodedCache::State::claimed) co_return std::move(found.bytes);
    EncodedCache::Claim claim(cache_, key);
    auto work = [&file, coding] { return read_and_encode(file, coding); };
    auto done = co_await runtime::blocking(work);
    if (!done || !done->read) co_return nullptr;
    co_return claim.fulfil(std::move(done->encoded));
}

}  // namespace spindle::handlers
