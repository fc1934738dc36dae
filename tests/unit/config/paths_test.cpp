// SPDX-License-Identifier: Apache-2.0
#include "config/paths.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace spindle::config;

namespace {

namespace fs = std::filesystem;

/// An empty one, removed at the end.
struct Folder {
    Folder() {
        std::string name = (fs::temp_directory_path() / "spindle_paths_XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~Folder() { fs::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    fs::path path;
};

}  // namespace

TEST_CASE("paths: a log may be there or not, and is neither made nor changed by the question") {
    const Folder folder;
    const fs::path log = folder.path / "log";
    CHECK(why_not_loggable(log) == "");
    CHECK_FALSE(fs::exists(log));
    std::ofstream(log) << "a line\n";
    CHECK(why_not_loggable(log) == "");
    CHECK(fs::file_size(log) == 7);
    CHECK(why_not_loggable("/dev/null") == "");
}

TEST_CASE("paths: a log is no folder, and its folder is there") {
    const Folder folder;
    CHECK(why_not_loggable(folder.path) == "cannot be opened: Is a directory");
    CHECK(why_not_loggable(folder.path / "missing" / "log") == "is in a folder that is not there");
    std::ofstream(folder.path / "file").close();
    CHECK(why_not_loggable(folder.path / "file" / "log") == "cannot be opened: Not a directory");
}

TEST_CASE("paths: a link to nothing is followed to where the log would be made") {
    const Folder folder;
    fs::create_symlink("second", folder.path / "first");
    fs::create_symlink("missing/log", folder.path / "second");
    CHECK(why_not_loggable(folder.path / "first") == "is in a folder that is not there");
    fs::create_directory(folder.path / "missing");
    CHECK(why_not_loggable(folder.path / "first") == "");
    fs::create_symlink("circle", folder.path / "circle");
    CHECK(why_not_loggable(folder.path / "circle") == "cannot be opened: Too many levels of symbolic links");
}

TEST_CASE("paths: whoever waits at a FIFO for a log does not notice the question") {
    const Folder folder;
    const fs::path fifo = folder.path / "fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK(why_not_loggable(fifo) == "");
    const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
    CHECK(why_not_loggable(fifo) == "");
    pollfd hung_up{reader, POLLIN, 0};  // POLLHUP: a writer came and went
    CHECK(::poll(&hung_up, 1, 0) == 0);
    ::close(reader);
}

TEST_CASE("paths: a root is a folder") {
    const Folder folder;
    CHECK(why_not_enterable(folder.path) == "");
    CHECK(why_not_enterable(folder.path / "missing") == "is not there");
    std::ofstream(folder.path / "file").close();
    CHECK(why_not_enterable(folder.path / "file") == "is not a folder");
}
