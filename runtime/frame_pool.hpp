// SPDX-License-Identifier: Apache-2.0
//
// Where coroutine frames come from: a thread keeps some of those that end on it for those that begin next. A
// burst of a hundred flows then never reaches the heap, whose own cache keeps seven of a size.
#pragma once

#include <cstddef>

namespace spindle::runtime {

/// Memory for a frame, from this thread's pool or the heap. Throws std::bad_alloc.
[[nodiscard]] void* allocate_frame(std::size_t bytes);
/// Any thread; `bytes` as it was allocated with.
void free_frame(void* frame, std::size_t bytes) noexcept;

/// A promise type's base.
struct PooledFrame {
    static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
    static void operator delete(void* frame, std::size_t bytes) noexcept { free_frame(frame, bytes); }
};

}  // namespace spindle::runtime
