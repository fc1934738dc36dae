// SPDX-License-Identifier: Apache-2.0
#include "server/http/date.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace spindle::http {
namespace {

constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::string_view kLongDays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Reads a date from the left; once something did not fit, everything fails.
class Reader {
  public:
    explicit Reader(std::string_view text) noexcept : rest_(text) {}

    void skip(std::string_view literal) noexcept {
        if (rest_.starts_with(literal)) rest_.remove_prefix(literal.size());
        else failed_ = true;
    }
    /// Exactly that many digits; `padded`: the first may be a space.
    int number(std::size_t digits, bool padded = false) noexcept {
        if (rest_.size() < digits) failed_ = true;
        if (failed_) return 0;
        int value = 0;
        for (std::size_t i = 0; i < digits; ++i) {
            const char c = rest_[i];
            if (padded && i == 0 && c == ' ') continue;
            if (c < '0' || c > '9') failed_ = true;
            value = value * 10 + (c - '0');
        }
        rest_.remove_prefix(digits);
        return value;
    }
    /// The index of the word that comes; case matters (RFC 9110).
    template <std::size_t N>
    int word(const std::string_view (&words)[N]) noexcept {
        for (std::size_t i = 0; i < N; ++i) {
            if (!rest_.starts_with(words[i])) continue;
            rest_.remove_prefix(words[i].size());
            return static_cast<int>(i);
        }
        failed_ = true;
        return 0;
    }
    void time_of_day(std::tm& time) noexcept {
        time.tm_hour = number(2);
        skip(":");
        time.tm_min = number(2);
        skip(":");
        time.tm_sec = number(2);
    }
    [[nodiscard]] bool done() const noexcept { return !failed_ && rest_.empty(); }

  private:
    std::string_view rest_;
    bool failed_ = false;
};

std::optional<std::time_t> to_time(std::tm time) noexcept {
    if (time.tm_hour > 23 || time.tm_min > 59 || time.tm_sec > 60 || time.tm_mday < 1) return {};
    const int day = time.tm_mday;
    const int leap = time.tm_sec == 60 ? 1 : 0;  // mostly the last second of a day: timegm() would carry it over
    time.tm_sec -= leap;
    const std::time_t result = ::timegm(&time);
    if (time.tm_mday != day) return {};  // 31 Feb
    return result + leap;
}

/// RFC 9110: a two-digit year that seems more than 50 years ahead is of the past. Without a clock: the
/// usual pivot.
int year_of_two_digits(int year) noexcept { return year < 70 ? 100 + year : year; }

void put(char* into, int value) noexcept {
    into[0] = static_cast<char>('0' + value / 10);
    into[1] = static_cast<char>('0' + value % 10);
}

}  // namespace

void format_date(std::time_t time, std::array<char, kDateBytes>& into) noexcept {
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    constexpr std::string_view kForm = "Sun, 00 Jan 0000 00:00:00 GMT";
    std::ranges::copy(kForm, into.begin());
    std::ranges::copy(kDays[parts.tm_wday], into.begin());
    put(&into[5], parts.tm_mday);
    std::ranges::copy(kMonths[parts.tm_mon], into.begin() + 8);
    put(&into[12], (parts.tm_year + 1900) / 100);
    put(&into[14], (parts.tm_year + 1900) % 100);
    put(&into[17], parts.tm_hour);
    put(&into[20], parts.tm_min);
    put(&into[23], parts.tm_sec);
}

std::optional<std::time_t> parse_date(std::string_view text) noexcept {
    std::tm time{};
    Reader reader(text);
    if (text.size() > 3 && text[3] == ',') {  // Sun, 06 Nov 1994 08:49:37 GMT
        reader.word(kDays);
        reader.skip(", ");
        time.tm_mday = reader.number(2);
        reader.skip(" ");
        time.tm_mon = reader.word(kMonths);
        reader.skip(" ");
        time.tm_year = reader.number(4) - 1900;
        reader.skip(" ");
        reader.time_of_day(time);
        reader.skip(" GMT");
    } else if (text.size() > 3 && text[3] == ' ') {  // Sun Nov  6 08:49:37 1994
        reader.word(kDays);
        reader.skip(" ");
        time.tm_mon = reader.word(kMonths);
        reader.skip(" ");
        time.tm_mday = reader.number(2, true);
        reader.skip(" ");
        reader.time_of_day(time);
        reader.skip(" ");
        time.tm_year = reader.number(4) - 1900;
    } else {  // Sunday, 06-Nov-94 08:49:37 GMT
        reader.word(kLongDays);
        reader.skip(", ");
        time.tm_mday = reader.number(2);
        reader.skip("-");
        time.tm_mon = reader.word(kMonths);
        reader.skip("-");
        time.tm_year = year_of_two_digits(reader.number(2));
        reader.skip(" ");
        reader.time_of_day(time);
        reader.skip(" GMT");
    }
    if (!reader.done()) return {};
    return to_time(time);
}

}  // namespace spindle::http
