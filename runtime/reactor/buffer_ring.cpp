// SPDX-License-Identifier: Apache-2.0
#include "runtime/reactor/buffer_ring.hpp"

#include <sys/mman.h>

#include <algorithm>

namespace spindle::runtime {

BufferRing::~BufferRing() {
    if (memory_ != nullptr) ::munmap(memory_, count_ * stride());
}

Result<void> BufferRing::open(io_uring* ring, unsigned count, unsigned bytes) {
    count_ = count;
    bytes_ = bytes;
    const std::size_t total = count * stride();
    void* memory = ::mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return last_failure();
    memory_ = static_cast<char*>(memory);

    next_.resize(count, kNone);
    length_.resize(count, 0);
    kept_.reserve(count);
    for (std::uint32_t id = count; id > 0; --id) kept_.push_back(id - 1);
    if (ring == nullptr) return {};
    int error = 0;
    ring_ = io_uring_setup_buf_ring(ring, count, kGroup, 0, &error);
    if (ring_ == nullptr) return failure(-error);
    offered_max_ = std::min(kOfferedMin, count);
    offer_kept();
    return {};
}

void BufferRing::close(io_uring& ring) noexcept {
    if (ring_ == nullptr) return;
    io_uring_free_buf_ring(&ring, ring_, count_, kGroup);
    ring_ = nullptr;
}

void BufferRing::offer(std::uint32_t id) noexcept {
    ++offered_;
    io_uring_buf_ring_add(ring_, data(id), bytes_, static_cast<unsigned short>(id), io_uring_buf_ring_mask(count_), 0);
    io_uring_buf_ring_advance(ring_, 1);
}

void BufferRing::offer_kept() noexcept {
    while (offered_ < offered_max_ && !kept_.empty()) {
        offer(kept_.back());
        kept_.pop_back();
    }
}

std::uint32_t BufferRing::take() noexcept {
    if (kept_.empty()) return kNone;
    ++outstanding_;
    const std::uint32_t id = kept_.back();
    kept_.pop_back();
    return id;
}

void BufferRing::taken() noexcept {
    ++outstanding_;
    if (--offered_ < offered_max_ / 2) offer_kept();
}

void BufferRing::recycle(std::uint32_t id) noexcept {
    --outstanding_;
    if (offered_ < offered_max_) offer(id);
    else kept_.push_back(id);
}

// Once a poll: of one burst many receives tell.
bool BufferRing::offer_more() noexcept {
    if (offered_max_ == count_) return false;
    if (polls_ > 0) {
        polls_ = 0;
        offered_max_ *= 2;
        offer_kept();
    }
    return offered_ > 0;
}

void BufferRing::give_back(std::uint32_t id) noexcept {
    std::uint32_t head = returned_.load(std::memory_order_relaxed);
    do {
        next_[id] = head;
    } while (!returned_.compare_exchange_weak(head, id, std::memory_order_release, std::memory_order_relaxed));
}

void BufferRing::collect() noexcept {
    if (++polls_ >= kCalmPolls && offered_max_ > 0) {
        polls_ = 0;
        offered_max_ = std::max(offered_max_ / 2, std::min(kOfferedMin, count_));
    }
    if (returned_.load(std::memory_order_relaxed) == kNone) return;
    std::uint32_t id = returned_.exchange(kNone, std::memory_order_acquire);
    while (id != kNone) {
        const std::uint32_t following = next_[id];
        recycle(id);
        id = following;
    }
}

}  // namespace spindle::runtime
