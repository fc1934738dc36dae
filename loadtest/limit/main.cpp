// SPDX-License-Identifier: Apache-2.0
//
// What a request costs on io_uring when the server does nothing: one thread that receives, counts ends of heads and
// sends a fixed answer for each. It parses nothing, limits nothing and checks nothing. bench.py measures Spindle
// beside it: the ratio is what everything that makes it a server costs.
//
//     spindle_limit [call|ring]    by send(2) at once, or by the ring with the next wait
#include <arpa/inet.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr unsigned kEntries = 4096;
constexpr unsigned kBuffers = 128;  // a power of two
constexpr unsigned kBufferBytes = 2048;
constexpr int kGroup = 0;
constexpr std::string_view kEnd = "\r\n\r\n";
// As long as Spindle's own.
constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nServer: spindle\r\nDate: Wed, 25 Nov 2026 12:00:00 GMT\r\nContent-Type: text/plain\r\n"
    "Content-Length: 13\r\n\r\nHello, World!";
constexpr std::size_t kAnswersMax = 64;  // of one receive

[[noreturn]] void fail(const char* what, int error) {
    std::fprintf(stderr, "limit: %s: %s\n", what, std::strerror(error));
    std::exit(1);
}

int listening_socket() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener, 4096) != 0 || ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
        fail("listen", errno);
    std::fprintf(stderr, "listening on http://127.0.0.1:%u\n", ntohs(address.sin_port));
    return listener;
}

class Responder {
  public:
    Responder(int listener, bool by_ring) : listener_(listener), by_ring_(by_ring) {
        for (std::size_t i = 0; i < kAnswersMax; ++i) answers_ += kAnswer;
        io_uring_params params{};
        params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
        params.cq_entries = 4 * kEntries;
        if (const int error = io_uring_queue_init_params(kEntries, &ring_, &params); error < 0) fail("ring", -error);
        int error = 0;
        buffers_ = io_uring_setup_buf_ring(&ring_, kBuffers, kGroup, 0, &error);
        if (buffers_ == nullptr) fail("buffers", -error);
        for (unsigned i = 0; i < kBuffers; ++i) give_back(i);
    }

    [[noreturn]] void run() {
        accept();
        while (true) {
            const int error = io_uring_submit_and_wait(&ring_, 1);
            if (error < 0 && error != -EINTR) fail("wait", -error);
            unsigned head = 0;
            unsigned seen = 0;
            io_uring_cqe* cqe = nullptr;
            io_uring_for_each_cqe(&ring_, head, cqe) {
                handle(*cqe);
                ++seen;
            }
            io_uring_cq_advance(&ring_, seen);
        }
    }

  private:
    static constexpr std::uint64_t kAccepted = 0;  // else a descriptor

    io_uring_sqe* next() {
        io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
        if (sqe != nullptr) return sqe;
        io_uring_submit(&ring_);
        return io_uring_get_sqe(&ring_);
    }

    void accept() {
        io_uring_sqe* sqe = next();
        io_uring_prep_multishot_accept(sqe, listener_, nullptr, nullptr, SOCK_CLOEXEC);
        io_uring_sqe_set_data64(sqe, kAccepted);
    }

    void receive(int client) {
        io_uring_sqe* sqe = next();
        io_uring_prep_recv_multishot(sqe, client, nullptr, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = kGroup;
        io_uring_sqe_set_data64(sqe, static_cast<std::uint64_t>(client));
    }

    void handle(const io_uring_cqe& cqe) {
        const bool more = (cqe.flags & IORING_CQE_F_MORE) != 0;
        if (cqe.user_data == kAccepted) {
            if (cqe.res >= 0) begin(cqe.res);
            if (!more) accept();
            return;
        }
        const int client = static_cast<int>(cqe.user_data);
        if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
            const unsigned buffer = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
            if (cqe.res > 0) answer(client, {bytes_of(buffer), static_cast<std::size_t>(cqe.res)});
            give_back(buffer);
        }
        if (more) return;
        if (cqe.res > 0 || cqe.res == -ENOBUFS) receive(client);
        else ::close(client);
    }

    void begin(int client) {
        const int on = 1;
        ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        receive(client);
    }

    // A head that two receives share is not seen: no client of a benchmark sends one.
    void answer(int client, std::string_view bytes) {
        std::size_t count = 0;
        for (std::size_t at = bytes.find(kEnd); at != bytes.npos; at = bytes.find(kEnd, at + kEnd.size())) ++count;
        const std::string_view out =
            std::string_view(answers_).substr(0, std::min(count, kAnswersMax) * kAnswer.size());
        if (!by_ring_) {
            (void)::send(client, out.data(), out.size(), MSG_NOSIGNAL);
            return;
        }
        io_uring_sqe* sqe = next();
        io_uring_prep_send(sqe, client, out.data(), out.size(), MSG_NOSIGNAL);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        io_uring_sqe_set_data64(sqe, static_cast<std::uint64_t>(client));
    }

    char* bytes_of(unsigned buffer) { return &memory_[std::size_t{buffer} * kBufferBytes]; }

    void give_back(unsigned buffer) {
        io_uring_buf_ring_add(buffers_, bytes_of(buffer), kBufferBytes, static_cast<unsigned short>(buffer),
                              io_uring_buf_ring_mask(kBuffers), 0);
        io_uring_buf_ring_advance(buffers_, 1);
    }

    const int listener_;
    const bool by_ring_;
    io_uring ring_{};
    io_uring_buf_ring* buffers_ = nullptr;
    std::vector<char> memory_ = std::vector<char>(std::size_t{kBuffers} * kBufferBytes);
    std::string answers_;
};

}  // namespace

int main(int count, char** words) {
    const std::string_view how = count > 1 ? words[1] : "call";
    if (how != "call" && how != "ring") {
        std::fputs("usage: spindle_limit [call|ring]\n", stderr);
        return 2;
    }
    Responder(listening_socket(), how == "ring").run();
}
