// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/file.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <ctime>
#include <tuple>

#include "server/http/date.hpp"

namespace spindle::handlers {
namespace {

auto state_of(const struct stat& status) noexcept {
    return std::tie(status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

std::string date_of(std::time_t time) {
    std::array<char, http::kDateBytes> text;
    http::format_date(std::max<std::time_t>(time, 0), text);
    return {text.data(), text.size()};
}

}  // namespace

bool same_state(const struct stat& a, const struct stat& b) noexcept { return state_of(a) == state_of(b); }

File::File(Descriptor descriptor, const struct stat& state)
    : opened(std::move(descriptor)),
      status(state),
      etag(fmt::format("\"{:x}.{:x}-{:x}-{:x}\"", static_cast<std::uint64_t>(status.st_mtim.tv_sec),
                       static_cast<std::uint64_t>(status.st_mtim.tv_nsec), size(),
                       static_cast<std::uint64_t>(status.st_ino))),
      modified(date_of(std::min<std::time_t>(status.st_mtim.tv_sec, std::time(nullptr)))) {}

bool File::unchanged() const noexcept {
    struct stat now{};
    return ::fstat(opened.get(), &now) == 0 && same_state(now, status);
}

}  // namespace spindle::handlers
