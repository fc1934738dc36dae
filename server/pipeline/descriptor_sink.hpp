// SPDX-License-Identifier: Apache-2.0
//
// Where log lines leave the process: an spdlog sink over a descriptor, for the error log and the
// access log. Whole lines by single write(2)s (O_APPEND), so several processes can share a file or a
// pipe without mixing lines, and a fork needs no care for stdio buffers. Any thread. It must never
// wait for a slow reader, raise SIGPIPE or throw: what cannot be written is handed back to be counted.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <spdlog/sinks/base_sink.h>

namespace spindle::pipeline {

class DescriptorSink final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    /// `path` is "stdout", "stderr" or a file's path (created with mode 0640, appended to).
    /// The error is one line that names the path and the cause.
    [[nodiscard]] static std::expected<std::shared_ptr<DescriptorSink>, std::string> open(const std::string& path);

    ~DescriptorSink() override;
    DescriptorSink(const DescriptorSink&) = delete;
    DescriptorSink& operator=(const DescriptorSink&) = delete;

    /// Goes on in the file that now has the path, which the old one has lost (log rotation); a standard stream stays.
    /// Where that fails, the error log is told why, and the old file is kept. Any thread.
    void reopen() noexcept;

    struct Outcome {
        std::size_t consumed = 0;  ///< bytes that need not come again: whole lines, and a torn one
        bool torn = false;         ///< the last consumed line was cut short
        int error = 0;             ///< errno of what stopped it; EAGAIN: the reader is slow
    };
    /// Writes whole lines ("...\n...\n") as far as possible without waiting.
    [[nodiscard]] Outcome write_lines(std::string_view lines) noexcept;

    /// The most bytes that leave in one piece: PIPE_BUF for a pipe, much for anything else.
    [[nodiscard]] std::size_t batch_bytes() const noexcept;

  protected:
    void sink_it_(const spdlog::details::log_msg& message) override;
    void flush_() override {}

  private:
    enum class Kind {
        file,           ///< write never waits for a reader
        own_stream,     ///< a pipe or terminal opened again, non-blocking for us alone
        shared_stream,  ///< the same, but the open description is the parent's: ask poll first
        socket,
    };
    DescriptorSink(int descriptor, Kind kind, bool pipe, std::string path = {}) noexcept
        : descriptor_(descriptor), kind_(kind), pipe_(pipe), path_(std::move(path)) {}
    static std::shared_ptr<DescriptorSink> over_standard_stream(int number);

    Outcome write_lines_locked(std::string_view lines) noexcept;
    /// One system call: bytes written, or -errno.
    long write_once(std::string_view bytes) noexcept;

    const int descriptor_;
    const Kind kind_;
    const bool pipe_;
    const std::string path_;  ///< empty: a standard stream
    bool torn_ = false;       ///< the last byte written was not a line's end; guarded by mutex_
};

}  // namespace spindle::pipeline
