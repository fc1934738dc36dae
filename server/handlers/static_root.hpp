// SPDX-License-Identifier: Apache-2.0
//
// A folder whose files are served, and how one of them is opened: beneath it, whatever the path says, and through links
// or not (the kernel sees to that), and only if it is a file or a folder. Knows no HTTP. Any flow may ask.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "runtime/task.hpp"
#include "server/handlers/file.hpp"
#include "server/handlers/file_cache.hpp"

namespace spindle::handlers {

class StaticRoot {
  public:
    /// `cache` may be null. errno if the folder cannot be entered.
    [[nodiscard]] static std::expected<StaticRoot, int> open(const std::filesystem::path& folder,
                                                             config::Symlinks symlinks,
                                                             std::shared_ptr<FileCache> cache);

    /// What is at `path`, which is relative; else errno: EXDEV if it leads outside, ENOENT also for what is neither
    /// a file nor a folder, and for links that are not followed. As it is now, or was when the cache saw it. May
    /// suspend; `path` must stay until then.
    [[nodiscard]] runtime::task<FoundFile> find(const std::string& path) const;

    /// What the cache knows of `path`; nothing if it has to be looked for.
    [[nodiscard]] std::optional<FoundFile> known(std::string_view path) const;

    /// The RESOLVE_ flags of openat2(2) with which everything below the root is opened.
    [[nodiscard]] std::uint64_t resolution() const noexcept { return resolution_; }

  private:
    StaticRoot(Descriptor folder, const std::filesystem::path& name, config::Symlinks symlinks,
               std::shared_ptr<FileCache> cache);
    [[nodiscard]] runtime::task<FoundFile> look(const std::string& path) const;
    void warn_of_link(const std::string& path) const;

    Descriptor folder_;  ///< of this root alone: what the cache knows by it was opened in the same way
    std::string name_;
    std::uint64_t resolution_;
    std::shared_ptr<FileCache> cache_;
    std::unique_ptr<std::atomic_flag> warned_ = std::make_unique<std::atomic_flag>();
};

}  // namespace spindle::handlers
