// SPDX-License-Identifier: Apache-2.0
//
// Media types by extension (RFC 9110 section 8.3): a table of those that the web is made of, and what a server adds.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <unordered_map>

namespace spindle::http {

/// Filled by one thread, then any may ask.
class MimeTypes {
  public:
    /// Goes before those that are known. `extension` in lower case, without its dot.
    void set(std::string_view extension, std::string_view type);
    /// Types for extensions that nobody else knows, as mime.types(5) has them; the first one of an extension counts.
    void read_table(std::istream& table);

    /// The type of the file at `path`, by what follows the last dot of its last segment, case-insensitive.
    /// "application/octet-stream" for names that are only an extension (".css") or unknown. As good as this object.
    [[nodiscard]] std::string_view of(std::string_view path) const noexcept;

  private:
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };
    using Types = std::unordered_map<std::string, std::string, Hash, std::equal_to<>>;
    Types preferred_;
    Types others_;
};

}  // namespace spindle::http
