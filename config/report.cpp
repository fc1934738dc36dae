// SPDX-License-Identifier: Apache-2.0
#include "config/report.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <functional>

namespace spindle::config {
namespace {

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a.size()][b.size()];
}

/// In UTF-8: no column of its own.
bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

std::string Report::text() const {
    std::vector<Problem> sorted = problems_;
    std::ranges::stable_sort(
        sorted, {}, [](const Problem& problem) { return std::pair(problem.place.line, problem.place.column); });
    std::string text;
    for (const auto& [place, message] : sorted) {
        if (place.line == 0) {
            text += fmt::format("{}: error: {}\n", file_, message);
            continue;
        }
        const std::string_view source = line(place.line);
        const std::size_t before = std::min(place.column - 1, source.size());
        const std::size_t width =
            std::clamp<std::size_t>(source.size() - before, 1, std::max<std::size_t>(place.width, 1));
        text += fmt::format("{}:{}:{}: error: {}\n", file_, place.line, place.column, message);
        text += fmt::format("{:5} | {}\n      | ", place.line, source);
        // Tabs stay tabs, so that the caret stands below its column.
        for (const char c : source.substr(0, before)) {
            if (!continues_character(c)) text += c == '\t' ? '\t' : ' ';
        }
        const std::string_view underlined = source.substr(before, width);
        const auto characters = std::ranges::count_if(underlined, std::not_fn(continues_character));
        text += "^" + std::string(static_cast<std::size_t>(std::max<std::ptrdiff_t>(characters, 1) - 1), '~') + "\n";
    }
    return text;
}

std::string_view Report::line(std::size_t number) const {
    std::string_view rest = source_;
    for (std::size_t i = 1; i < number; ++i) {
        const std::size_t end = rest.find('\n');
        if (end == rest.npos) return {};
        rest.remove_prefix(end + 1);
    }
    std::string_view found = rest.substr(0, rest.find('\n'));
    if (found.ends_with('\r')) found.remove_suffix(1);
    return found;
}

Place Report::word_in_line(std::size_t number, std::string_view word) const {
    const std::size_t at = line(number).find(word);
    if (at == std::string_view::npos) return {.line = number};
    return {.line = number, .column = at + 1, .width = word.size()};
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
    std::string_view nearest;
    std::size_t best = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const std::string_view candidate : candidates) {
        const std::size_t here = distance(word, candidate);
        if (here < best) {
            best = here;
            nearest = candidate;
        }
    }
    return nearest.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", nearest);
}

}  // namespace spindle::config
