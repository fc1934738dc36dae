// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/descriptor_sink.hpp"

#include <cerrno>
#include <climits>
#include <cstring>
#include <new>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <spdlog/spdlog.h>

namespace spindle::pipeline {

namespace {

constexpr std::size_t kFileBatch = 64 * 1024;

std::expected<int, std::string> open_file(const std::string& path) {
    // Non-blocking for the case that the path names a FIFO without a reader: open would wait for one.
    const int descriptor =
        ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (descriptor >= 0) return descriptor;
    return std::unexpected("cannot open the log file " + path + ": " + ::strerrordesc_np(errno) +
                           ": create its folder, give this user the right to write there, or "
                           "change the path in [log]");
}

}  // namespace

std::expected<std::shared_ptr<DescriptorSink>, std::string> DescriptorSink::open(const std::string& path) {
    if (path == "stdout") return over_standard_stream(STDOUT_FILENO);
    if (path == "stderr") return over_standard_stream(STDERR_FILENO);
    const auto descriptor = open_file(path);
    if (!descriptor) return std::unexpected(descriptor.error());
    struct stat status{};
    const bool known = ::fstat(*descriptor, &status) == 0;
    const bool regular = known && S_ISREG(status.st_mode);
    const bool pipe = known && S_ISFIFO(status.st_mode);
    return std::shared_ptr<DescriptorSink>(
        new DescriptorSink(*descriptor, regular ? Kind::file : Kind::own_stream, pipe, path));
}

// Under the same number, so that nobody who writes has to be told.
void DescriptorSink::reopen() noexcept {
    if (path_.empty()) return;
    try {
        const auto opened = open_file(path_);
        if (!opened) return spdlog::error("{}", opened.error());
        {
            const std::lock_guard lock(mutex_);
            ::dup3(*opened, descriptor_, O_CLOEXEC);
            torn_ = false;
        }
        ::close(*opened);
    } catch (const std::bad_alloc&) {
        spdlog::error("cannot open the log file {} again", path_);
    }
}

std::shared_ptr<DescriptorSink> DescriptorSink::over_standard_stream(int number) {
    struct stat status{};
    const bool known = ::fstat(number, &status) == 0;
    if (known && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))) {
        // O_NONBLOCK belongs to the open description, which the shell shares with us: open it again.
        const std::string again = "/proc/self/fd/" + std::to_string(number);
        const int own = ::open(again.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (own >= 0) {
            return std::shared_ptr<DescriptorSink>(new DescriptorSink(own, Kind::own_stream, S_ISFIFO(status.st_mode)));
        }
    }
    // A redirected file keeps the shared description: a second one would have its own offset and
    // overwrite. A closed stream gives -1, and every write EBADF: lines are counted as lost.
    const Kind kind = !known || S_ISREG(status.st_mode) ? Kind::file
                      : S_ISSOCK(status.st_mode)        ? Kind::socket
                                                        : Kind::shared_stream;
    const int copy = ::fcntl(number, F_DUPFD_CLOEXEC, 3);
    return std::shared_ptr<DescriptorSink>(new DescriptorSink(copy, kind, known && S_ISFIFO(status.st_mode)));
}

DescriptorSink::~DescriptorSink() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

std::size_t DescriptorSink::batch_bytes() const noexcept { return pipe_ ? PIPE_BUF : kFileBatch; }

DescriptorSink::Outcome DescriptorSink::write_lines(std::string_view lines) noexcept {
    const std::lock_guard lock(mutex_);
    return write_lines_locked(lines);
}

DescriptorSink::Outcome DescriptorSink::write_lines_locked(std::string_view lines) noexcept {
    Outcome outcome;
    if (torn_) {
        const long ended = write_once("\n");
        if (ended < 0) {
            outcome.error = static_cast<int>(-ended);
            return outcome;
        }
        torn_ = false;
    }
    while (outcome.consumed < lines.size()) {
        std::string_view piece = lines.substr(outcome.consumed);
        if (pipe_ && piece.size() > PIPE_BUF) {
            // A pipe keeps PIPE_BUF bytes together; cut at a line's end, a longer line goes alone.
            std::size_t end = piece.rfind('\n', PIPE_BUF - 1);
            if (end == std::string_view::npos) end = piece.find('\n');
            if (end != std::string_view::npos) piece = piece.substr(0, end + 1);
        }
        const long written = write_once(piece);
        if (written < 0) {
            outcome.error = static_cast<int>(-written);
            return outcome;
        }
        const std::size_t count = static_cast<std::size_t>(written);
        if (count == piece.size()) {
            outcome.consumed += count;
            continue;
        }
        // Short: another process may write next, so the rest of a begun line would land in its line.
        const bool within_line = count > 0 && piece[count - 1] != '\n';
        if (!within_line) {
            outcome.consumed += count;
        } else {
            const std::size_t end = piece.find('\n', count);
            outcome.consumed += end == std::string_view::npos ? piece.size() : end + 1;
            outcome.torn = torn_ = true;
        }
        outcome.error = EAGAIN;
        return outcome;
    }
    return outcome;
}

long DescriptorSink::write_once(std::string_view bytes) noexcept {
    while (true) {
        if (kind_ == Kind::shared_stream) {
            pollfd ready{descriptor_, POLLOUT, 0};
            if (::poll(&ready, 1, 0) == 0) return -EAGAIN;
        }
        const ssize_t written = kind_ == Kind::socket
                                    ? ::send(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                                    : ::write(descriptor_, bytes.data(), bytes.size());
        if (written >= 0) return written;
        if (errno != EINTR) return -errno;
    }
}

void DescriptorSink::sink_it_(const spdlog::details::log_msg& message) {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    // A lost line of the error log has nowhere to be reported.
    (void)write_lines_locked(std::string_view(line.data(), line.size()));
}

}  // namespace spindle::pipeline
