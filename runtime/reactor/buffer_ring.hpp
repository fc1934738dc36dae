// SPDX-License-Identifier: Apache-2.0
//
// A ring's provided buffers (IORING_REGISTER_PBUF_RING, Linux 5.19): the kernel picks one when data
// arrives, so an idle connection owns none. The reactor's owner takes and recycles; another thread that
// got a buffer with a stolen fiber gives it back through a lock-free list that the owner drains.
//
// The kernel takes buffers in the order in which they were offered: were all of them on offer, each receive would
// touch memory that is in no cache. So few are, as many as bursts need, and those that came back last go first.
#pragma once

#include <liburing.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/error.hpp"

namespace spindle::runtime {

class BufferRing {
  public:
    static constexpr std::uint16_t kGroup = 0;
    static constexpr std::uint32_t kNone = UINT32_MAX;

    BufferRing() = default;
    ~BufferRing();
    BufferRing(const BufferRing&) = delete;
    BufferRing& operator=(const BufferRing&) = delete;

    /// `count` a power of two <= 32768. Without a ring nothing is on offer: take(). Fails with the kernel's errno.
    [[nodiscard]] Result<void> open(io_uring* ring, unsigned count, unsigned bytes);
    /// All buffers must have been recycled. The ring must still be open.
    void close(io_uring& ring) noexcept;

    [[nodiscard]] char* data(std::uint32_t id) const noexcept { return memory_ + id * stride(); }
    [[nodiscard]] unsigned bytes() const noexcept { return bytes_; }

    /// Queue links for whoever holds a chain of buffers.
    [[nodiscard]] std::uint32_t& next(std::uint32_t id) noexcept { return next_[id]; }
    [[nodiscard]] std::uint32_t& length(std::uint32_t id) noexcept { return length_[id]; }

    [[nodiscard]] std::uint32_t take() noexcept;  ///< owner: one that is not on offer, kNone: there is none
    void taken() noexcept;                        ///< owner: a completion carried a buffer
    void recycle(std::uint32_t id) noexcept;      ///< owner only
    void give_back(std::uint32_t id) noexcept;    ///< any thread
    void collect() noexcept;                      ///< owner, once a poll: recycle what others gave back
    /// Owner: a receive found none. Offers more from now on. False: all are on offer already.
    [[nodiscard]] bool offer_more() noexcept;
    [[nodiscard]] unsigned outstanding() const noexcept { return outstanding_; }

    static constexpr unsigned kOfferedMin = 64;
    static constexpr unsigned kCalmPolls = 1U << 16U;  ///< a second or more, at full load; then fewer are on offer

  private:
    // One cache line more than they are long: else their beginnings would share a set of each cache.
    [[nodiscard]] std::size_t stride() const noexcept { return std::size_t{bytes_} + 64; }
    void offer(std::uint32_t id) noexcept;
    void offer_kept() noexcept;

    io_uring_buf_ring* ring_ = nullptr;
    char* memory_ = nullptr;           // mapped; unmapped by the destructor
    std::vector<std::uint32_t> kept_;  // not on offer; the last one came back last
    unsigned offered_ = 0;             // in the ring, as far as completions have told
    unsigned offered_max_ = 0;         // grows with bursts
    unsigned polls_ = 0;               // since that grew or shrank
    std::vector<std::uint32_t> next_;
    std::vector<std::uint32_t> length_;
    unsigned count_ = 0;
    unsigned bytes_ = 0;
    unsigned outstanding_ = 0;                    // written by the owner
    std::atomic<std::uint32_t> returned_{kNone};  // pushed by any thread, exchanged by the owner
};

}  // namespace spindle::runtime
