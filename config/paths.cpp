// SPDX-License-Identifier: Apache-2.0
#include "config/paths.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace spindle::config {
namespace {

namespace fs = std::filesystem;

/// errno, or 0.
int refusal(const fs::path& path, int rights) {
    return ::faccessat(AT_FDCWD, path.c_str(), rights, AT_EACCESS) == 0 ? 0 : errno;
}

std::string cannot(const char* what, int error) {
    return error == 0 ? "" : fmt::format("cannot be {}: {}", what, ::strerrordesc_np(error));
}

/// Where O_CREAT would make the file: behind links that lead to nothing.
fs::path end_of_links(fs::path file) {
    std::error_code error;
    while (fs::is_symlink(file, error)) file = file.parent_path() / fs::read_symlink(file, error);
    return file;
}

}  // namespace

std::string why_not_readable(const fs::path& file) { return cannot("read", refusal(file, R_OK)); }

std::string why_not_enterable(const fs::path& folder) {
    const int error = refusal(folder / ".", X_OK);
    if (error == ENOTDIR) return "is not a folder";
    if (error == ENOENT) return "is not there";
    return cannot("entered", error);
}

std::string why_not_loggable(const fs::path& file) {
    struct stat status{};
    if (::stat(file.c_str(), &status) == 0 && S_ISFIFO(status.st_mode)) return cannot("opened", refusal(file, W_OK));
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor >= 0) {
        ::close(descriptor);
        return "";
    }
    if (errno != ENOENT) return cannot("opened", errno);
    const int error = refusal(end_of_links(file).parent_path(), W_OK | X_OK);
    return error == ENOENT ? "is in a folder that is not there" : cannot("made in its folder", error);
}

}  // namespace spindle::config
