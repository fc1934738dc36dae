// SPDX-License-Identifier: Apache-2.0
//
// How a line of the access log looks. Pure functions over text.
#include <charconv>
#include <cstdio>
#include <ctime>

#include "server/http/escape.hpp"
#include "server/pipeline/access_log.hpp"

namespace spindle::pipeline {

namespace {

void append_number(std::string& line, std::uint64_t value) {
    char digits[20];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    line.append(digits, end);
}

std::uint64_t microseconds(std::chrono::nanoseconds duration) {
    return static_cast<std::uint64_t>(duration.count() < 0 ? 0 : duration.count() / 1000);
}

/// Seconds with microseconds: "0.000123".
void append_seconds(std::string& line, std::string_view prefix, std::uint64_t micros) {
    line.append(prefix);
    append_number(line, micros / 1'000'000);
    char fraction[7] = {'.'};
    std::uint64_t rest = micros % 1'000'000;
    for (int place = 6; place > 0; --place, rest /= 10) fraction[place] = static_cast<char>('0' + rest % 10);
    line.append(fraction, sizeof fraction);
}

/// `prefix` is the literal `,"name":"` that leads to the value.
void append_member(std::string& line, std::string_view prefix, std::string_view value) {
    line.append(prefix);
    http::append_json_text(line, value);
    line.push_back('"');
}

void append_member(std::string& line, std::string_view prefix, std::uint64_t value) {
    line.append(prefix);
    append_number(line, value);
}

/// W3C Trace Context, section 3.2: version-trace-parent-flags, in lower case, the trace not all zeros. Empty if it is none.
std::string_view trace_id(std::string_view traceparent) {
    constexpr std::size_t kBytes = 55;
    if (traceparent.size() < kBytes || (traceparent.size() > kBytes && traceparent[kBytes] != '-')) return {};
    for (std::size_t at = 0; at < kBytes; ++at) {
        const char c = traceparent[at];
        const bool hexadecimal = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (at == 2 || at == 35 || at == 52 ? c != '-' : !hexadecimal) return {};
    }
    const bool unknown_version = traceparent.starts_with("ff");
    const bool longer_than_version_0 = traceparent.starts_with("00") && traceparent.size() > kBytes;
    const std::string_view trace = traceparent.substr(3, 32);
    const bool zero = trace.find_first_not_of('0') == trace.npos;
    return unknown_version || longer_than_version_0 || zero ? std::string_view() : trace;
}

}  // namespace

void append_combined(std::string& line, const AccessRecord& record, std::string_view stamp) {
    http::append_log_text(line, record.client);
    line.append(" - ");
    http::append_log_text(line, record.user);
    line.append(" [").append(stamp).append("] \"");
    http::append_log_text(line, record.method);
    if (!record.method.empty()) {  // else no request line was understood: "-" alone
        line.push_back(' ');
        http::append_log_text(line, record.target);
        line.push_back(' ');
        line.append(record.version);
    }
    line.append("\" ");
    append_number(line, record.status);
    line.push_back(' ');
    append_number(line, record.bytes_out);
    line.append(" \"");
    http::append_log_text(line, record.referer);
    line.append("\" \"");
    http::append_log_text(line, record.user_agent);
    line.append("\"\n");
}

void append_json(std::string& line, const AccessRecord& record, std::string_view stamp) {
    line.append(R"({"ts":")").append(stamp).push_back('"');
    append_member(line, R"(,"remote_ip":")", record.remote);
    append_member(line, R"(,"client_ip":")", record.client);
    append_member(line, R"(,"method":")", record.method);
    append_member(line, R"(,"host":")", record.host);
    append_member(line, R"(,"uri":")", record.target);
    append_member(line, R"(,"proto":")", record.version);
    append_member(line, R"(,"status":)", std::uint64_t{record.status});
    append_member(line, R"(,"bytes_in":)", record.bytes_in);
    append_member(line, R"(,"bytes_out":)", record.bytes_out);
    const std::uint64_t duration = microseconds(record.duration);
    append_seconds(line, R"(,"duration":)", duration);
    append_seconds(line, R"(,"header_duration":)", record.stages.head);
    append_seconds(line, R"(,"body_duration":)", record.stages.body);
    append_seconds(line, R"(,"handler_duration":)", record.stages.handler);
    append_seconds(line, R"(,"write_duration":)", record.stages.write(duration));
    append_member(line, R"(,"referer":")", record.referer);
    append_member(line, R"(,"user_agent":")", record.user_agent);
    append_member(line, R"(,"backend":")", record.backend);
    append_member(line, R"(,"worker":)", std::uint64_t{record.worker});
    if (!record.user.empty()) append_member(line, R"(,"user":")", record.user);
    if (!record.request_id.empty()) append_member(line, R"(,"request_id":")", record.request_id);
    if (const auto trace = trace_id(record.traceparent); !trace.empty()) append_member(line, R"(,"trace_id":")", trace);
    line.append("}\n");
}

std::string format_stamp(config::LogFormat format, std::chrono::nanoseconds since_epoch) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
    const std::time_t time = seconds.count();
    std::tm parts{};
    char text[48];
    if (format == config::LogFormat::combined) {
        // strftime's %b follows LC_TIME, but the program never leaves the "C" locale.
        ::localtime_r(&time, &parts);
        return {text, std::strftime(text, sizeof text, "%d/%b/%Y:%H:%M:%S %z", &parts)};
    }
    ::gmtime_r(&time, &parts);
    const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch - seconds).count();
    const int more = std::snprintf(text + length, sizeof text - length, ".%03dZ", static_cast<int>(millis));
    return {text, length + static_cast<std::size_t>(more)};
}

}  // namespace spindle::pipeline
