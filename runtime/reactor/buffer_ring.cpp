// SPDX-License-Identifier: Apache-2.0
#include "runtime/reactor/buffer_ring.hpp"

#include <sys/mman.h>

namespace spindle::runtime {

BufferRing::~BufferRing() {
    if (memory_ != nullptr) ::munmap(memory_, std::size_t{count_} * bytes_);
}

Result<void> BufferRing::open(io_uring& ring, unsigned count, unsigned bytes) {
    const std::size_t total = std::size_t{count} * bytes;
    void* memory = ::mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return last_failure();
    memory_ = static_cast<char*>(memory);
    count_ = count;
    bytes_ = bytes;

    int error = 0;
    ring_ = io_uring_setup_buf_ring(&ring, count, kGroup, 0, &error);
    if (ring_ == nullptr) return failure(-error);
    next_.resize(count, kNone);
    length_.resize(count, 0);
    const int mask = io_uring_buf_ring_mask(count);
    for (unsigned id = 0; id < count; ++id) {
        io_uring_buf_ring_add(ring_, data(id), bytes, static_cast<unsigned short>(id), mask, static_cast<int>(id));
    }
    io_uring_buf_ring_advance(ring_, static_cast<int>(count));
    return {};
}

void BufferRing::close(io_uring& ring) noexcept {
    if (ring_ == nullptr) return;
    io_uring_free_buf_ring(&ring, ring_, count_, kGroup);
    ring_ = nullptr;
}

void BufferRing::recycle(std::uint32_t id) noexcept {
    --outstanding_;
    io_uring_buf_ring_add(ring_, data(id), bytes_, static_cast<unsigned short>(id), io_uring_buf_ring_mask(count_), 0);
    io_uring_buf_ring_advance(ring_, 1);
}

void BufferRing::give_back(std::uint32_t id) noexcept {
    std::uint32_t head = returned_.load(std::memory_order_relaxed);
    do {
        next_[id] = head;
    } while (!returned_.compare_exchange_weak(head, id, std::memory_order_release, std::memory_order_relaxed));
}

void BufferRing::collect() noexcept {
    if (returned_.load(std::memory_order_relaxed) == kNone) return;
    std::uint32_t id = returned_.exchange(kNone, std::memory_order_acquire);
    while (id != kNone) {
        const std::uint32_t following = next_[id];
        recycle(id);
        id = following;
    }
}

}  // namespace spindle::runtime
