// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/file_bytes.hpp"

#include <cerrno>
#include <cstddef>
#include <span>
#include <utility>

#include "runtime/io.hpp"

namespace spindle::handlers {

runtime::task<int> append_range(const File& file, http::ByteRange range, std::string& into) {
    if (file.bytes != nullptr) {
        into.append(*file.bytes, range.first, range.size());
        co_return 0;
    }
    std::size_t done = into.size();
    std::uint64_t offset = range.first;
    into.resize(done + range.size());
    while (done < into.size()) {
        const std::span<char> rest(into.data() + done, into.size() - done);
        const auto read = co_await runtime::read_at(file.descriptor(), rest, offset);
        if (!read) co_return read.error().code;
        if (*read == 0) co_return EIO;  // cut short since it was opened
        done += *read;
        offset += *read;
    }
    co_return file.unchanged() ? 0 : EIO;
}

runtime::task<std::optional<std::string>> read_whole(const File& file) {
    std::string bytes;
    if (file.size() > 0) {
        const int error = co_await append_range(file, {0, file.size() - 1}, bytes);
        if (error != 0) co_return std::nullopt;
    }
    co_return bytes;
}

}  // namespace spindle::handlers
