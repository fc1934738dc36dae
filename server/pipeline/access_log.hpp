// SPDX-License-Identifier: Apache-2.0
//
// The access log: one line a request, combined or JSON, gathered in a buffer a worker and written in
// batches. Any thread may write with any worker's number (under `fiber` a processor changes hands);
// each buffer has its lock, held for the formatting only. No allocation once the buffers have grown.
// It must never stop serving: a full disk, a dead pipe or a slow reader loses lines, counted.
//
// Everything a client supplied is escaped: no line can be forged, no terminal controlled.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "server/pipeline/scoreboard.hpp"
#include "server/pipeline/stages.hpp"

namespace spindle::pipeline {

class DescriptorSink;

/// What is known of an answered request; views live during write() only. Empty text becomes "-"
/// (combined) or "" (JSON). The status is what was answered; 499 where the client went away before it had all.
struct AccessRecord {
    std::string_view remote;  ///< the peer's address without its port; "unix" for a local socket
    std::string_view client;  ///< whom a trusted peer asks for; else the peer
    std::string_view user;    ///< who has shown to be one
    std::string_view method;
    std::string_view target;
    std::string_view host;
    std::uint16_t status = 0;
    std::uint64_t bytes_in = 0;           ///< of the request, head and body, as received
    std::uint64_t bytes_out = 0;          ///< of the response's body
    std::chrono::nanoseconds duration{};  ///< first byte of the request to last byte handed over
    Stages stages{};                      ///< of it, as far as they were measured
    std::string_view version = "HTTP/1.1";
    std::string_view referer;
    std::string_view user_agent;
    std::string_view backend;
    unsigned worker = 0;
    std::string_view request_id;   ///< empty: not in the line
    std::string_view traceparent;  ///< as the client sent it (W3C Trace Context); its trace id is in the line
};

/// Appends one line with its newline. `stamp` is format_stamp()'s text. Pure but for `line`.
void append_combined(std::string& line, const AccessRecord& record, std::string_view stamp);
void append_json(std::string& line, const AccessRecord& record, std::string_view stamp);

/// "24/Nov/2026:03:34:51 +0000" in local time (combined) or "2026-11-24T03:34:51.123Z" (JSON).
[[nodiscard]] std::string format_stamp(config::LogFormat format, std::chrono::nanoseconds since_epoch);

class AccessLog {
  public:
    /// For the workers of `board`, which outlives it and counts what each of them loses. Opens nothing when the access
    /// log is off. May be opened before a fork; each process then has buffers of its own.
    [[nodiscard]] static std::expected<std::unique_ptr<AccessLog>, std::string> open(const config::Log& log,
                                                                                     Scoreboard& board);
    ~AccessLog();  ///< flushes

    [[nodiscard]] bool enabled() const noexcept { return sink_ != nullptr; }
    /// Its lines tell how long each stage of a request took.
    [[nodiscard]] bool tells_stages() const noexcept { return enabled() && format_ == config::LogFormat::json; }

    /// A lone line leaves at once; lines within kDelay of the last write wait for the batch to fill,
    /// for the next line after kDelay, or for flush(). Never throws.
    void write(unsigned worker, const AccessRecord& record) noexcept;

    /// Writes what waits. To be called about once a second, so that the last lines of a burst show.
    void flush(unsigned worker) noexcept;
    void flush() noexcept;

    /// Writes what waits, and goes on in the file that has the path now. An error is told to the error log.
    void reopen() noexcept;

    /// flush() for the last time: what cannot be written now is lost.
    void end() noexcept;

    /// Lines that this process could not write.
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.load(std::memory_order_relaxed); }

    static constexpr std::chrono::milliseconds kDelay{100};
    static constexpr std::size_t kWaitingBytesMax = 1 << 20;  ///< a worker; beyond it lines are lost

  private:
    struct Buffer;
    AccessLog(const config::Log& log, Scoreboard& board);
    void deliver_locked(Buffer& buffer, std::chrono::nanoseconds now) noexcept;
    void lose(Buffer& buffer, std::uint64_t lines, int error, std::chrono::nanoseconds now) noexcept;

    const config::LogFormat format_;
    const std::string path_;
    std::shared_ptr<DescriptorSink> sink_;
    std::size_t batch_bytes_ = 0;
    std::vector<std::unique_ptr<Buffer>> buffers_;
    std::atomic<std::uint64_t> lost_{0};
    std::atomic<std::int64_t> reported_at_{0};  ///< steady nanoseconds; 0: never
};

}  // namespace spindle::pipeline
