// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/encoded_cache.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace spindle;
using handlers::EncodedCache;
using State = EncodedCache::State;

namespace {

EncodedCache::Key key_of(ino_t inode, http::Coding coding = http::Coding::gzip) {
    struct stat status{};
    status.st_ino = inode;
    return {status, coding};
}

void fill(EncodedCache& cache, ino_t inode, std::size_t bytes) {
    REQUIRE(cache.look(key_of(inode)).state == State::claimed);
    EncodedCache::Claim(cache, key_of(inode)).fulfil(std::string(bytes, 'a'));
}

}  // namespace

TEST_CASE("encoded cache: a file is encoded by one at a time, and then known") {
    EncodedCache cache(100'000);
    REQUIRE(cache.look(key_of(1)).state == State::claimed);
    {
        EncodedCache::Claim claim(cache, key_of(1));
        CHECK(cache.look(key_of(1)).state == State::busy);
        CHECK(cache.look(key_of(1, http::Coding::br)).state == State::claimed);
        claim.fulfil("bytes");
    }
    const auto found = cache.look(key_of(1));
    CHECK(found.state == State::known);
    CHECK(*found.bytes == "bytes");
}

TEST_CASE("encoded cache: a claim that comes to nothing leaves the file to the next one") {
    EncodedCache cache(100'000);
    REQUIRE(cache.look(key_of(1)).state == State::claimed);
    {
        const EncodedCache::Claim given_up(cache, key_of(1));
    }
    CHECK(cache.look(key_of(1)).state == State::claimed);
}

TEST_CASE("encoded cache: remembers what does not get smaller") {
    EncodedCache cache(100'000);
    REQUIRE(cache.look(key_of(1)).state == State::claimed);
    EncodedCache::Claim(cache, key_of(1)).fulfil(std::nullopt);
    const auto found = cache.look(key_of(1));
    CHECK(found.state == State::known);
    CHECK(found.bytes == nullptr);
}

TEST_CASE("encoded cache: what slow clients still have counts, and beyond twice its bytes nothing more is encoded") {
    EncodedCache cache(10'000);
    std::vector<EncodedCache::Bytes> slow;
    for (ino_t inode = 1; inode <= 3; ++inode) {
        fill(cache, inode, 9'000);
        slow.push_back(cache.look(key_of(inode)).bytes);
    }
    CHECK(cache.look(key_of(4)).state == State::full);
    slow.clear();
    CHECK(cache.look(key_of(4)).state == State::claimed);
}

TEST_CASE("encoded cache: what was not used for longest goes first, and the bytes stay below the bound") {
    EncodedCache cache(10'000);
    fill(cache, 1, 3000);
    fill(cache, 2, 3000);
    CHECK(cache.look(key_of(1)).state == State::known);
    fill(cache, 3, 3500);
    CHECK(cache.bytes() <= 10'000);
    CHECK(cache.look(key_of(1)).state == State::known);
    CHECK(cache.look(key_of(2)).state == State::claimed);
    fill(cache, 4, 20'000);
    CHECK(cache.bytes() == 0);
}
