// SPDX-License-Identifier: Apache-2.0
#include "runtime/frame_pool.hpp"

#include <doctest/doctest.h>

#include <malloc.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "runtime/sanitizers.hpp"

using namespace spindle::runtime;

TEST_CASE("frames of all sizes are as large as asked for, and none is given twice") {
    std::set<void*> given;
    std::vector<std::pair<void*, std::size_t>> frames;
    for (int round = 0; round < 2; ++round) {
        for (std::size_t bytes = 1; bytes <= 2048; ++bytes) {
            void* frame = allocate_frame(bytes);
            CHECK(reinterpret_cast<std::uintptr_t>(frame) % alignof(std::max_align_t) == 0);
            CHECK(given.insert(frame).second);
            std::memset(frame, 0x5a, bytes);
            frames.emplace_back(frame, bytes);
        }
        for (const auto& [frame, bytes] : frames) free_frame(frame, bytes);
        frames.clear();
        given.clear();
    }
}

#ifndef SPINDLE_ASAN  // which keeps what was freed
TEST_CASE("a frame that ends serves the next one of its size") {
    void* first = allocate_frame(200);
    free_frame(first, 200);
    void* second = allocate_frame(200);
    CHECK(second == first);
    free_frame(second, 200);
}

#ifndef SPINDLE_TSAN  // whose heap tells nothing
TEST_CASE("a thread on which many frames end, begun elsewhere, keeps few of them") {
    constexpr std::size_t kFrames = 20'000;
    constexpr std::size_t kBytes = 500;
    std::vector<void*> frames;
    frames.reserve(kFrames);  // counts too, unless malloc maps it, which depends on what was freed before
    const std::size_t before = ::mallinfo2().uordblks;
    for (std::size_t i = 0; i < kFrames; ++i) frames.push_back(allocate_frame(kBytes));
    std::size_t after = 0;
    std::thread([&] {
        for (void* frame : frames) free_frame(frame, kBytes);
        after = ::mallinfo2().uordblks;
    }).join();
    CHECK(after < before + kFrames * kBytes / 50);
}

TEST_CASE("what a thread has kept goes back to the heap when it ends") {
    constexpr std::size_t kFrames = 20;
    constexpr std::size_t kBytes = 1000;
    std::vector<void*> frames;
    for (std::size_t i = 0; i < kFrames; ++i) frames.push_back(allocate_frame(kBytes));
    const std::size_t before = ::mallinfo2().uordblks;
    std::size_t kept = 0;
    std::thread([&] {
        for (void* frame : frames) free_frame(frame, kBytes);
        kept = ::mallinfo2().uordblks;
    }).join();
    CHECK(kept > before - kFrames * kBytes);
    CHECK(::mallinfo2().uordblks <= before - kFrames * kBytes);
}
#endif
#endif
