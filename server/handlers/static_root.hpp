// SPDX-License-Identifier: Apache-2.0
//
// A folder whose files are served, and how one of them is opened: beneath it, whatever the path says (the kernel
// sees to that), and only if it is a file or a folder. Knows no HTTP. Immutable; any flow may ask.
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include "runtime/task.hpp"

namespace spindle::handlers {

class Descriptor {
  public:
    explicit Descriptor(int number = -1) noexcept : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int get() const noexcept { return number_; }
    [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }

  private:
    int number_;
};

/// What a path led to, as it was when it was opened.
struct OpenFile {
    Descriptor descriptor;
    struct stat status{};
    [[nodiscard]] bool is_folder() const noexcept { return S_ISDIR(status.st_mode); }
    [[nodiscard]] std::uint64_t size() const noexcept { return static_cast<std::uint64_t>(status.st_size); }
};

class StaticRoot {
  public:
    /// errno if the folder cannot be entered.
    [[nodiscard]] static std::expected<StaticRoot, int> open(const std::filesystem::path& folder);

    /// What is at `path`, which is relative; else errno: EXDEV if it leads outside, ENOENT also for what is neither
    /// a file nor a folder. May suspend; `path` must stay until then.
    [[nodiscard]] runtime::task<std::expected<OpenFile, int>> find(const std::string& path) const;

  private:
    explicit StaticRoot(Descriptor folder) noexcept : folder_(std::move(folder)) {}
    Descriptor folder_;
};

}  // namespace spindle::handlers
