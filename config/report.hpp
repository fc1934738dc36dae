// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with a configuration, gathered and shown together: place, rule, source line, caret, and the
// nearest right word.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace spindle::config {

/// 1-based; line 0: no place.
struct Place {
    std::size_t line = 0;
    std::size_t column = 1;
    std::size_t width = 1;  ///< bytes to underline
};

class Report {
  public:
    /// `file` as the user named it; `source` is its text.
    Report(std::string file, std::string source) : file_(std::move(file)), source_(std::move(source)) {}

    void add(Place place, std::string message) { problems_.push_back({place, std::move(message)}); }
    [[nodiscard]] bool empty() const noexcept { return problems_.empty(); }
    /// Everything, in the file's order, ending with a newline.
    [[nodiscard]] std::string text() const;

    /// Where `word` stands in that line, else the line's first column.
    [[nodiscard]] Place word_in_line(std::size_t line, std::string_view word) const;

  private:
    struct Problem {
        Place place;
        std::string message;
    };
    [[nodiscard]] std::string_view line(std::size_t number) const;

    std::string file_;
    std::string source_;
    std::vector<Problem> problems_;
};

/// ` (did you mean "fiber"?)`, or nothing when no candidate is near `word` (Damerau-Levenshtein distance).
[[nodiscard]] std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace spindle::config
