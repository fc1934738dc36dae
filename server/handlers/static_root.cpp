// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/static_root.hpp"

#include <cerrno>

#include <fcntl.h>
#include <linux/openat2.h>

#include <spdlog/spdlog.h>

#include "runtime/io.hpp"
#include "server/handlers/file_bytes.hpp"

namespace spindle::handlers {

StaticRoot::StaticRoot(Descriptor folder, const std::filesystem::path& name, config::Symlinks symlinks,
                       std::shared_ptr<FileCache> cache)
    : folder_(std::move(folder)),
      name_(name.string()),
      resolution_(RESOLVE_BENEATH | (symlinks == config::Symlinks::none ? RESOLVE_NO_SYMLINKS : RESOLVE_NO_MAGICLINKS)),
      cache_(std::move(cache)) {}

std::expected<StaticRoot, int> StaticRoot::open(const std::filesystem::path& folder, config::Symlinks symlinks,
                                                std::shared_ptr<FileCache> cache) {
    Descriptor descriptor(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.get() < 0) return std::unexpected(errno);
    return StaticRoot(std::move(descriptor), folder, symlinks, std::move(cache));
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
    if (held == nullptr) {
        std::optional<std::string> bytes = co_await read_whole(**found);
        if (!bytes) co_return found;
        held = std::make_shared<const File>(**found, cache_->hold(std::move(*bytes)));
    }
    cache_->put(folder_.get(), path, held, now);
    co_return held;
}

/// Once: clients could fill the log.
void StaticRoot::warn_of_link(const std::string& path) const {
    if ((resolution_ & RESOLVE_NO_SYMLINKS) == 0 || warned_->test_and_set()) return;
    spdlog::warn(
        "{}: there is a symbolic link in {:?}, so that it is not found; symlinks = \"within\" in its route follows "
        "those that stay below the root",
        name_, path);
}

runtime::task<FoundFile> StaticRoot::look(const std::string& path) const {
    open_how how{};
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    how.resolve = resolution_;
    const auto opened = co_await runtime::open_beneath(folder_.get(), path.c_str(), how);
    if (!opened && opened.error().code == ELOOP) {  // a link that is not followed, or one that leads nowhere
        warn_of_link(path);
        co_return std::unexpected(ENOENT);
    }
    if (!opened) co_return std::unexpected(opened.error().code);
    Descriptor descriptor(*opened);
    struct stat status{};
    if (::fstat(descriptor.get(), &status) != 0) co_return std::unexpected(errno);
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) co_return std::unexpected(ENOENT);
    co_return std::make_shared<const File>(std::move(descriptor), status);
}

}  // namespace spindle::handlers
