// SPDX-License-Identifier: Apache-2.0
#include "runtime/reactor/buffer_ring.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <set>
#include <vector>

#include <doctest/doctest.h>

using namespace spindle::runtime;

namespace {

constexpr unsigned kCount = 256;

/// A ring with provided buffers, and bytes to receive into them, one each.
class Receiver {
  public:
    Receiver() {
        REQUIRE(io_uring_queue_init(kCount, &ring_, 0) == 0);
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()) == 0);
        REQUIRE(buffers.open(&ring_, kCount, 4096));
    }
    ~Receiver() {
        buffers.close(ring_);
        io_uring_queue_exit(&ring_);
        for (const int end : ends_) ::close(end);
    }
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;

    /// That many receives in one submission -> the buffers that they got; the others found none.
    std::vector<std::uint32_t> burst(unsigned receives) {
        for (unsigned i = 0; i < receives; ++i) {
            io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
            io_uring_prep_recv(sqe, ends_[1], nullptr, 1, 0);
            sqe->flags |= IOSQE_BUFFER_SELECT;
            sqe->buf_group = BufferRing::kGroup;
        }
        const std::vector<char> bytes(receives);
        REQUIRE(::send(ends_[0], bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(receives));
        std::vector<std::uint32_t> got;
        REQUIRE(io_uring_submit_and_wait(&ring_, receives) == static_cast<int>(receives));
        for (unsigned i = 0; i < receives; ++i) {
            io_uring_cqe* cqe = nullptr;
            REQUIRE(io_uring_peek_cqe(&ring_, &cqe) == 0);
            if (cqe->res == -ENOBUFS) {
                ++without;
            } else {
                REQUIRE(cqe->res == 1);
                buffers.taken();
                got.push_back(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
            }
            io_uring_cqe_seen(&ring_, cqe);
        }
        return got;
    }
    void recycle(const std::vector<std::uint32_t>& ids) {
        for (const std::uint32_t id : ids) buffers.recycle(id);
    }
    void polls(unsigned count) {
        for (unsigned i = 0; i < count; ++i) buffers.collect();
    }

    BufferRing buffers;
    unsigned without = 0;  ///< receives that found no buffer

  private:
    io_uring ring_{};
    std::array<int, 2> ends_{};
};

}  // namespace

TEST_CASE("Receives one after the other use a few buffers again and again") {
    Receiver receiver;
    std::set<std::uint32_t> used;
    for (unsigned i = 0; i < 4 * kCount; ++i) {
        receiver.polls(1);
        const auto got = receiver.burst(1);
        REQUIRE(got.size() == 1);
        used.insert(got.front());
        receiver.recycle(got);
    }
    CHECK(used.size() <= BufferRing::kOfferedMin);
}

TEST_CASE("Buffers that are kept for long are replaced by others") {
    Receiver receiver;
    std::set<std::uint32_t> held;
    for (unsigned i = 0; i < kCount; ++i)
        for (const std::uint32_t id : receiver.burst(1)) held.insert(id);
    CHECK(held.size() == kCount);
    CHECK(receiver.buffers.outstanding() == kCount);
    receiver.recycle({held.begin(), held.end()});
    CHECK(receiver.buffers.outstanding() == 0);
}

TEST_CASE("A burst that finds too few buffers finds more the next time, and all of them in the end") {
    Receiver receiver;
    for (unsigned offered = BufferRing::kOfferedMin; offered <= kCount; offered *= 2) {
        const auto got = receiver.burst(kCount);
        CHECK(got.size() == offered);
        receiver.recycle(got);
        receiver.polls(1);
        if (offered < kCount) CHECK(receiver.buffers.offer_more());
        else CHECK_FALSE(receiver.buffers.offer_more());
    }
}

TEST_CASE("Of one burst many receives tell, but it counts once") {
    Receiver receiver;
    receiver.recycle(receiver.burst(kCount));
    receiver.polls(1);
    for (unsigned told = 0; told < receiver.without; ++told) CHECK(receiver.buffers.offer_more());
    CHECK(receiver.burst(kCount).size() == 2 * BufferRing::kOfferedMin);
}

TEST_CASE("Long after a burst few buffers are in use again") {
    Receiver receiver;
    receiver.recycle(receiver.burst(kCount));
    receiver.polls(1);
    REQUIRE(receiver.buffers.offer_more());
    receiver.polls(BufferRing::kCalmPolls);
    receiver.recycle(receiver.burst(2 * BufferRing::kOfferedMin));  // those that are still on offer
    CHECK(receiver.burst(kCount).size() == BufferRing::kOfferedMin);
}

TEST_CASE("Without a ring buffers are taken, the one that came back last first, until there are none") {
    BufferRing buffers;
    REQUIRE(buffers.open(nullptr, 4, 4096));
    std::set<std::uint32_t> taken;
    for (int i = 0; i < 4; ++i) taken.insert(buffers.take());
    CHECK(taken.size() == 4);
    CHECK(buffers.take() == BufferRing::kNone);
    buffers.recycle(2);
    buffers.give_back(3);
    buffers.recycle(1);
    CHECK(buffers.take() == 1);
    CHECK(buffers.take() == 2);
    buffers.collect();
    CHECK(buffers.take() == 3);
    CHECK(buffers.outstanding() == 4);
}
