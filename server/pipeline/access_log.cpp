// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/access_log.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include <spdlog/spdlog.h>

#include "server/pipeline/descriptor_sink.hpp"

namespace spindle::pipeline {

using std::chrono::nanoseconds;

/// A cache line of its own, so that two workers' locks do not share one.
struct alignas(64) AccessLog::Buffer {
    explicit Buffer(runtime::SharedCounter& lines_lost) noexcept : lost(lines_lost) {}

    std::mutex mutex;
    std::string lines;       ///< whole lines, waiting
    nanoseconds tried_at{};  ///< last write to the sink, successful or not (steady)
    int error = 0;           ///< why the last one left something behind; 0: it did not
    std::string stamp;       ///< of stamp_second; in JSON its milliseconds are patched
    std::int64_t stamp_second = -1;
    runtime::SharedCounter& lost;  ///< of all processes to read
};

namespace {

constexpr nanoseconds kReportEvery = std::chrono::seconds(10);

nanoseconds steady_now() { return std::chrono::steady_clock::now().time_since_epoch(); }

nanoseconds wall_now() { return std::chrono::system_clock::now().time_since_epoch(); }

/// The stamp of now, made anew once a second; only the milliseconds of the JSON stamp change within.
std::string_view current_stamp(config::LogFormat format, std::string& stamp, std::int64_t& second) {
    const nanoseconds now = wall_now();
    const std::int64_t this_second = now / std::chrono::seconds(1);
    if (this_second != second) {
        stamp = format_stamp(format, now);
        second = this_second;
    } else if (format == config::LogFormat::json) {
        int millis = static_cast<int>(now / std::chrono::milliseconds(1) % 1000);
        char* place = stamp.data() + stamp.size() - 2;  // before the 'Z'
        for (int digit = 0; digit < 3; ++digit, millis /= 10) *place-- = static_cast<char>('0' + millis % 10);
    }
    return stamp;
}

}  // namespace

AccessLog::AccessLog(const config::Log& log, Scoreboard& board) : format_(log.format), path_(log.access_path) {
    for (unsigned worker = 0; worker < board.pipeline().size(); ++worker)
        buffers_.push_back(std::make_unique<Buffer>(board.pipeline()[worker].access_log_lost));
}

std::expected<std::unique_ptr<AccessLog>, std::string> AccessLog::open(const config::Log& log, Scoreboard& board) {
    std::unique_ptr<AccessLog> access_log(new AccessLog(log, board));
    if (!log.access) return access_log;
    auto sink = DescriptorSink::open(log.access_path);
    if (!sink) return std::unexpected(sink.error());
    access_log->sink_ = *sink;
    access_log->batch_bytes_ = (*sink)->batch_bytes();
    return access_log;
}

AccessLog::~AccessLog() { flush(); }

void AccessLog::write(unsigned worker, const AccessRecord& record) noexcept {
    if (!enabled()) return;
    Buffer& buffer = *buffers_[worker % buffers_.size()];
    const nanoseconds now = steady_now();
    const std::lock_guard lock(buffer.mutex);
    if (buffer.lines.size() >= kWaitingBytesMax) {
        if (now - buffer.tried_at >= kDelay) deliver_locked(buffer, now);
        if (buffer.lines.size() >= kWaitingBytesMax) return lose(buffer, 1, buffer.error, now);
    }
    const std::size_t before = buffer.lines.size();
    try {
        const std::string_view stamp = current_stamp(format_, buffer.stamp, buffer.stamp_second);
        if (format_ == config::LogFormat::json) {
            append_json(buffer.lines, record, stamp);
        } else {
            append_combined(buffer.lines, record, stamp);
        }
    } catch (...) {  // out of memory: the request was answered, only its line is missing
        buffer.lines.resize(before);
        return lose(buffer, 1, ENOMEM, now);
    }
    const bool aged = now - buffer.tried_at >= kDelay;
    // While the sink refuses, a full batch is no reason to ask it again for every request.
    if (aged || (buffer.error == 0 && buffer.lines.size() >= batch_bytes_)) deliver_locked(buffer, now);
}

void AccessLog::flush(unsigned worker) noexcept {
    if (!enabled()) return;
    Buffer& buffer = *buffers_[worker % buffers_.size()];
    const std::lock_guard lock(buffer.mutex);
    if (!buffer.lines.empty()) deliver_locked(buffer, steady_now());
}

void AccessLog::flush() noexcept {
    for (unsigned worker = 0; worker < buffers_.size(); ++worker) flush(worker);
}

void AccessLog::end() noexcept {
    flush();
    for (const auto& buffer : buffers_) {
        const std::lock_guard lock(buffer->mutex);
        const auto left = static_cast<std::uint64_t>(std::ranges::count(buffer->lines, '\n'));
        buffer->lines.clear();
        if (left > 0) lose(*buffer, left, buffer->error, steady_now());
    }
}

void AccessLog::reopen() noexcept {
    if (!enabled()) return;
    flush();
    sink_->reopen();
}

void AccessLog::deliver_locked(Buffer& buffer, nanoseconds now) noexcept {
    const DescriptorSink::Outcome outcome = sink_->write_lines(buffer.lines);
    buffer.lines.erase(0, outcome.consumed);  // keeps the capacity
    buffer.tried_at = now;
    buffer.error = outcome.error;
    if (outcome.torn) lose(buffer, 1, outcome.error, now);
}

void AccessLog::lose(Buffer& buffer, std::uint64_t lines, int error, nanoseconds now) noexcept {
    buffer.lost.add(lines);
    const std::uint64_t lost = lost_.fetch_add(lines, std::memory_order_relaxed) + lines;
    std::int64_t last = reported_at_.load(std::memory_order_relaxed);
    if (last != 0 && now.count() - last < kReportEvery.count()) return;
    if (!reported_at_.compare_exchange_strong(last, now.count())) return;
    // Not the macro: with a place in the source, the logger throws where it has no memory.
    spdlog::warn("access log {}: {} lines lost so far ({})", path_, lost,
                 error == EAGAIN ? "it takes no more" : ::strerrordesc_np(error));
}

}  // namespace spindle::pipeline
