// SPDX-License-Identifier: Apache-2.0
//
// A file or a folder as it was when it was opened, and what HTTP says of that state. Immutable, shared; any flow.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include "server/http/response.hpp"

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

  private:
    int number_;
};

/// Whether both are of one state of one file: replaced, rewritten or touched, it has another one.
[[nodiscard]] bool same_state(const struct stat& a, const struct stat& b) noexcept;

struct File final : http::FileSource {
    File(Descriptor descriptor, const struct stat& state);
    /// The same state, with all its bytes in place of the descriptor.
    File(const File& same, http::SharedBytes all)
        : status(same.status), bytes(std::move(all)), etag(same.etag), modified(same.modified) {}

    Descriptor opened;  ///< none if all of it is in `bytes`
    struct stat status;
    http::SharedBytes bytes;  ///< null: to be read
    std::string etag;         ///< with its quotes; strong
    std::string modified;     ///< IMF-fixdate, never in the future (RFC 9110 section 8.8.2.1)

    [[nodiscard]] bool is_folder() const noexcept { return S_ISDIR(status.st_mode); }
    [[nodiscard]] std::uint64_t size() const noexcept { return static_cast<std::uint64_t>(status.st_size); }
    [[nodiscard]] int descriptor() const noexcept override { return opened.get(); }
    [[nodiscard]] bool unchanged() const noexcept override;
};

using FilePointer = std::shared_ptr<const File>;
/// Or errno.
using FoundFile = std::expected<FilePointer, int>;

}  // namespace spindle::handlers
