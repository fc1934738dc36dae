// SPDX-License-Identifier: Apache-2.0
//
// Operating errors of the runtime: an errno value, returned and never thrown. Bugs use CHECK.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <expected>

namespace spindle::runtime {

/// An errno value (positive). ETIMEDOUT: a deadline passed; ECANCELED: the runtime is stopping.
struct [[nodiscard]] Error {
    int code = 0;
    friend bool operator==(Error, Error) = default;
    [[nodiscard]] const char* message() const noexcept { return ::strerrordesc_np(code); }
};

template <typename T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> failure(int code) noexcept { return std::unexpected(Error{code}); }
/// errno, read afresh: not inlined, since a fiber's code may continue on another thread.
[[nodiscard, gnu::noinline]] inline int io_error() noexcept {
    const int code = errno;
    asm volatile("" ::: "memory");
    return code;
}
[[nodiscard]] inline std::unexpected<Error> last_failure() noexcept { return failure(io_error()); }

namespace detail {
[[noreturn, gnu::cold, gnu::noinline]] inline void check_failed(const char* what, const char* file, int line) {
    std::fprintf(stderr, "spindle: bug: %s does not hold at %s:%d\n", what, file, line);
    std::abort();
}
}  // namespace detail

}  // namespace spindle::runtime

/// States what must hold, in release builds too; a failure is a bug and ends the process.
#define CHECK_THAT(condition)                    \
    (__builtin_expect(!!(condition), 1) ? void() \
                                        : ::spindle::runtime::detail::check_failed(#condition, __FILE__, __LINE__))
