// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/static_root.hpp"

#include <cerrno>

#include <fcntl.h>
#include <linux/openat2.h>

#include "runtime/io.hpp"

namespace spindle::handlers {

std::expected<StaticRoot, int> StaticRoot::open(const std::filesystem::path& folder) {
    Descriptor descriptor(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.get() < 0) return std::unexpected(errno);
    return StaticRoot(std::move(descriptor));
}

runtime::task<std::expected<OpenFile, int>> StaticRoot::find(const std::string& path) const {
    open_how how{};
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    const auto opened = co_await runtime::open_beneath(folder_.get(), path.c_str(), how);
    if (!opened) co_return std::unexpected(opened.error().code);
    OpenFile found{.descriptor = Descriptor(*opened)};
    if (::fstat(found.descriptor.get(), &found.status) != 0) co_return std::unexpected(errno);
    if (!S_ISREG(found.status.st_mode) && !found.is_folder()) co_return std::unexpected(ENOENT);
    co_return found;
}

}  // namespace spindle::handlers
