// SPDX-License-Identifier: Apache-2.0
//
// Content codings (RFC 9110 section 8.4.1), and which of them a client wants (section 12.5.3). Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/request.hpp"

namespace spindle::http {

enum class Coding : std::uint8_t { identity, gzip, br, zstd };

/// As Content-Encoding has it.
[[nodiscard]] std::string_view to_string(Coding coding) noexcept;

/// Case-insensitive; x-gzip is gzip. Empty for any other.
[[nodiscard]] std::optional<Coding> coding_of(std::string_view name) noexcept;

/// Of names as the configuration has them; others are left out.
[[nodiscard]] std::vector<Coding> codings_of(std::span<const std::string> names);

/// Codings, the best first; each at most once.
class Codings {
  public:
    void add(Coding coding) noexcept { items_[count_++] = coding; }
    [[nodiscard]] const Coding* begin() const noexcept { return items_.data(); }
    [[nodiscard]] const Coding* end() const noexcept { return items_.data() + count_; }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    [[nodiscard]] Coding best() const noexcept { return items_[0]; }
    bool operator==(const Codings&) const = default;

  private:
    std::array<Coding, 4> items_{};
    std::uint8_t count_ = 0;
};

/// What of `offered` (the server's favourite first, without identity, each once) and of identity the client accepts,
/// the best first: by its weights, then in the order offered, identity last. Nothing behind identity: that one is
/// always there. Empty if all is refused. A client that does not say gets identity.
[[nodiscard]] Codings acceptable(const Request& request, std::span<const Coding> offered) noexcept;

/// "identity;q=0", or "*;q=0" without it.
[[nodiscard]] inline bool refuses_identity(const Request& request) noexcept {
    return request.weighs_codings && acceptable(request, {}).empty();
}

}  // namespace spindle::http
