// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/file_cache.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>
#include <vector>

using namespace spindle;
using namespace std::chrono_literals;
using handlers::File;
using handlers::FileCache;
using handlers::FilePointer;

namespace {

constexpr int kRoot = 3;

config::Files options(std::uint64_t cache_bytes) {
    config::Files files;
    files.cache_bytes = cache_bytes;
    files.cache_file_bytes = 1000;
    files.cache_valid = 1s;
    return files;
}

FilePointer file_of(std::size_t bytes, ino_t inode = 1) {
    struct stat status{};
    status.st_mode = S_IFREG;
    status.st_ino = inode;
    status.st_size = static_cast<off_t>(bytes);
    auto made = std::make_shared<File>(handlers::Descriptor(), status);
    made->bytes = std::make_shared<const std::string>(bytes, 'a');
    return made;
}

const FileCache::Clock::time_point kStart{1h};

}  // namespace

TEST_CASE("file cache: what was found is believed for its time, and then looked for again") {
    FileCache cache(options(1'000'000));
    CHECK(!cache.find(kRoot, "a.txt", kStart));
    const FilePointer file = file_of(10);
    cache.put(kRoot, "a.txt", file, kStart);
    CHECK(cache.find(kRoot, "a.txt", kStart + 1s)->value() == file);
    CHECK(!cache.find(kRoot, "a.txt", kStart + 1001ms));
    cache.put(kRoot, "a.txt", file, kStart + 1001ms);
    CHECK(cache.find(kRoot, "a.txt", kStart + 2s)->value() == file);
}

TEST_CASE("file cache: the same path beneath another root is another file") {
    FileCache cache(options(1'000'000));
    cache.put(kRoot, "a.txt", file_of(10), kStart);
    CHECK(!cache.find(kRoot + 1, "a.txt", kStart));
}

TEST_CASE("file cache: that nothing is there is remembered too, and forgotten for what comes there") {
    FileCache cache(options(1'000'000));
    cache.put(kRoot, "a.txt", std::unexpected(ENOENT), kStart);
    CHECK(cache.find(kRoot, "a.txt", kStart)->error() == ENOENT);
    CHECK(cache.find_unchanged(kRoot, "a.txt", *file_of(10)) == nullptr);
    cache.put(kRoot, "a.txt", file_of(10), kStart);
    CHECK(cache.find(kRoot, "a.txt", kStart)->has_value());
}

TEST_CASE("file cache: bytes are kept for a file that has not changed, however old they are") {
    FileCache cache(options(1'000'000));
    const FilePointer file = file_of(10);
    cache.put(kRoot, "a.txt", file, kStart);
    CHECK(cache.find_unchanged(kRoot, "a.txt", *file_of(10)) == file);
    CHECK(cache.find_unchanged(kRoot, "a.txt", *file_of(11)) == nullptr);
    CHECK(cache.find_unchanged(kRoot, "a.txt", *file_of(10, 2)) == nullptr);
}

TEST_CASE("file cache: folders and long files are not held") {
    const FileCache cache(options(1'000'000));
    CHECK(cache.holds(*file_of(1000)));
    CHECK(!cache.holds(*file_of(1001)));
    struct stat folder{};
    folder.st_mode = S_IFDIR;
    CHECK(!cache.holds(File(handlers::Descriptor(), folder)));
}

TEST_CASE("file cache: what slow clients still have counts, and beyond twice its bytes nothing more is held") {
    FileCache cache(options(4'000));
    std::vector<http::SharedBytes> slow;
    while (cache.holds(*file_of(1000))) slow.push_back(cache.hold(std::string(1000, 'a')));
    CHECK(slow.size() == 8);
    slow.pop_back();
    CHECK(cache.holds(*file_of(1000)));
    {
        FileCache ended(options(4'000));
        slow.push_back(ended.hold("bytes"));
    }
    CHECK(*slow.back() == "bytes");
}

TEST_CASE("file cache: it stays below its bytes whatever is asked for, and keeps what is used") {
    constexpr std::size_t kBytesMax = 256 * 1024;
    FileCache cache(options(kBytesMax));
    cache.put(kRoot, "used.txt", file_of(500), kStart);
    for (int i = 0; i < 2000; ++i) {
        cache.put(kRoot, std::to_string(i) + ".txt", file_of(500), kStart);
        cache.put(kRoot, std::to_string(i) + ".missing", std::unexpected(ENOENT), kStart);
        REQUIRE(cache.find(kRoot, "used.txt", kStart));
        REQUIRE(cache.bytes() <= kBytesMax);
    }
    CHECK(!cache.find(kRoot, "0.txt", kStart));
    CHECK(!cache.find(kRoot, "0.missing", kStart));
    CHECK(cache.bytes() > kBytesMax / 2);
}
