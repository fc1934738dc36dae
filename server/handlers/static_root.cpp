// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/static_root.hpp"

#include <cerrno>

#include <fcntl.h>
#include <linux/openat2.h>

#include "runtime/io.hpp"
#include "server/handlers/file_bytes.hpp"

namespace spindle::handlers {

StaticRoot::StaticRoot(Descriptor folder, config::Symlinks symlinks, std::shared_ptr<FileCache> cache) noexcept
    : folder_(std::move(folder)),
      resolution_(RESOLVE_BENEATH | (symlinks == config::Symlinks::none ? RESOLVE_NO_SYMLINKS : RESOLVE_NO_MAGICLINKS)),
      cache_(std::move(cache)) {}

std::expected<StaticRoot, int> StaticRoot::open(const std::filesystem::path& folder, config::Symlinks symlinks,
                                                std::shared_ptr<FileCache> cache) {
    Descriptor descriptor(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.get() < 0) return std::unexpected(errno);
    return StaticRoot(std::move(descriptor), symlinks, std::move(cache));
}

std::optional<FoundFile> StaticRoot::known(std::string_view path) const {
    return cache_ == nullptr ? std::nullopt : cache_->find(folder_.get(), path, FileCache::Clock::now());
}

runtime::task<FoundFile> StaticRoot::find(const std::string& path) const {
    if (cache_ == nullptr) co_return co_await look(path);
    const auto now = FileCache::Clock::now();
    std::optional<FoundFile> known = cache_->find(folder_.get(), path, now);
    if (known) co_return std::move(*known);
    FoundFile found = co_await look(path);
    if (!found) {
        if (found.error() == ENOENT) cache_->put(folder_.get(), path, found, now);
        co_return found;
    }
    if (!cache_->holds(**found)) co_return found;
    FilePointer held = cache_->find_unchanged(folder_.get(), path, **found);
    if (held == nullptr) held = co_await with_bytes(*found);
    if (held == nullptr) co_return found;
    cache_->put(folder_.get(), path, held, now);
    co_return held;
}

runtime::task<FoundFile> StaticRoot::look(const std::string& path) const {
    open_how how{};
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    how.resolve = resolution_;
    const auto opened = co_await runtime::open_beneath(folder_.get(), path.c_str(), how);
    // ELOOP: a link that is not followed, or one that leads nowhere.
    if (!opened) co_return std::unexpected(opened.error().code == ELOOP ? ENOENT : opened.error().code);
    Descriptor descriptor(*opened);
    struct stat status{};
    if (::fstat(descriptor.get(), &status) != 0) co_return std::unexpected(errno);
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) co_return std::unexpected(ENOENT);
    co_return std::make_shared<const File>(std::move(descriptor), status);
}

}  // namespace spindle::handlers
