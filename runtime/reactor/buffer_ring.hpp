// SPDX-License-Identifier: Apache-2.0
//
// A ring's provided buffers (IORING_REGISTER_PBUF_RING, Linux 5.19): the kernel picks one when data
// arrives, so an idle connection owns none. The reactor's owner takes and recycles; another thread that
// got a buffer with a stolen fiber gives it back through a lock-free list that the owner drains.
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

    /// `count` a power of two <= 32768. Fails with the kernel's errno.
    [[nodiscard]] Result<void> open(io_uring& ring, unsigned count, unsigned bytes);
    /// All buffers must have been recycled. The ring must still be open.
    void close(io_uring& ring) noexcept;

    [[nodiscard]] char* data(std::uint32_t id) const noexcept { return memory_ + std::size_t{id} * bytes_; }
    [[nodiscard]] unsigned bytes() const noexcept { return bytes_; }

    /// Queue links for whoever holds a chain of buffers.
    [[nodiscard]] std::uint32_t& next(std::uint32_t id) noexcept { return next_[id]; }
    [[nodiscard]] std::uint32_t& length(std::uint32_t id) noexcept { return length_[id]; }

    void taken() noexcept { ++outstanding_; }   ///< owner: a completion carried a buffer
    void recycle(std::uint32_t id) noexcept;    ///< owner only
    void give_back(std::uint32_t id) noexcept;  ///< any thread
    void collect() noexcept;                    ///< owner: recycle what others gave back
    [[nodiscard]] unsigned outstanding() const noexcept { return outstanding_; }

  private:
    io_uring_buf_ring* ring_ = nullptr;
    char* memory_ = nullptr;  // mapped; unmapped by the destructor
    std::vector<std::uint32_t> next_;
    std::vector<std::uint32_t> length_;
    unsigned count_ = 0;
    unsigned bytes_ = 0;
    unsigned outstanding_ = 0;                    // written by the owner
    std::atomic<std::uint32_t> returned_{kNone};  // pushed by any thread, exchanged by the owner
};

}  // namespace spindle::runtime
