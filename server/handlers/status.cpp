// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/status.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <span>

#include "runtime/worker.hpp"

namespace spindle::handlers {

using pipeline::Context;
using pipeline::Request;
using pipeline::Response;
using pipeline::Score;
using pipeline::Scores;

namespace {

std::string count(std::uint64_t number) { return std::to_string(number); }
std::string seconds(std::uint64_t nanoseconds) {
    return fmt::format("{}.{:09}", nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000);
}

/// One figure: its name says the unit. Everything that is shown is made from these rows.
struct Row {
    std::string_view name;
    std::string (*value)(const Score&);
    bool in_table = false;  ///< in the line of each worker, also where people read
    bool is_text = false;
};

#define COUNT(member) [](const Score& score) { return count(score.member); }
#define SECONDS(expression) [](const Score& score) { return seconds(score.expression); }
constexpr auto kRows = std::to_array<Row>({
    {"restarts", COUNT(figures.restarts), true},
    {"elapsed_seconds", SECONDS(figures.elapsed)},
    {"busy_seconds", SECONDS(figures.busy)},
    {"utilisation", [](const Score& score) { return fmt::format("{:.4f}", score.figures.utilisation()); }, true},
    {"connections", COUNT(figures.connections), true},
    {"connections_accepted", COUNT(figures.accepted)},
    {"accepts_paused", COUNT(figures.accepts_paused)},
    {"accept_errors", COUNT(figures.accept_errors)},
    {"connections_shed_descriptors", COUNT(figures.shed_descriptors)},
    {"connections_shed_memory", COUNT(figures.shed_memory)},
    {"requests", COUNT(requests), true},
    {"requests_refused", COUNT(refused())},
    {"handler_errors", COUNT(handler_errors)},
    {"access_log_lost", COUNT(access_log_lost)},
    {"runnable", COUNT(figures.runnable), true},
    {"global_queue", COUNT(figures.global_queue)},
    {"dispatched", COUNT(figures.dispatched), true},
    {"delay_seconds_p50", SECONDS(figures.delay.quantile(0.5))},
    {"delay_seconds_p90", SECONDS(figures.delay.quantile(0.9))},
    {"delay_seconds_p99", SECONDS(figures.delay.quantile(0.99)), true},
    {"delay_seconds_max", SECONDS(figures.delay.max)},
    {"run_seconds_p50", SECONDS(figures.run.quantile(0.5))},
    {"run_seconds_p90", SECONDS(figures.run.quantile(0.9))},
    {"run_seconds_p99", SECONDS(figures.run.quantile(0.99)), true},
    {"run_seconds_max", SECONDS(figures.longest), true},
    {"run_max_route", [](const Score& score) { return score.figures.longest_route; }, true, true},
    {"stalls", COUNT(figures.stalls), true},
    {"steals", COUNT(figures.steals), true},
    {"handoffs", COUNT(figures.handoffs), true},
    {"handoffs_refused", COUNT(figures.handoffs_refused)},
    {"blocking_calls", COUNT(figures.blocking_calls)},
    {"blocking_queued", COUNT(figures.blocking_queued)},
    {"blocking_refused", COUNT(figures.blocking_refused)},
    {"threads", COUNT(figures.threads)},
    {"threads_idle", COUNT(figures.threads_idle)},
    {"threads_stuck", COUNT(figures.threads_stuck)},
    {"stuck_routes", [](const Score& score) { return score.figures.stuck_routes; }, false, true},
    {"stack_bytes_max", COUNT(figures.stack_bytes_max)},
    {"buffers_exhausted", COUNT(figures.buffers_exhausted)},
    {"flows_cut", COUNT(figures.cut)},
});
#undef COUNT
#undef SECONDS

/// After the rows: why requests were refused and connections closed.
template <class Show>
void for_each_reason(const Score& score, Show show) {
    for (std::size_t i = 0; i < pipeline::kReasons; ++i)
        show(pipeline::to_string(static_cast<pipeline::Reason>(i)), score.by_reason[i]);
}

// ---- JSON

// Routes are valid UTF-8 (they come out of TOML), so nothing else needs an escape.
void append_json_text(std::string& json, std::string_view text) {
    json += '"';
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20) {
            json += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
            continue;
        }
        if (c == '"' || c == '\\') json += '\\';
        json += c;
    }
    json += '"';
}

void append_json_members(std::string& json, const Score& score) {
    for (const Row& row : kRows) {
        if (&row != kRows.data()) json += ',';
        json += fmt::format("\"{}\":", row.name);
        if (row.is_text) append_json_text(json, row.value(score));
        else json += row.value(score);
    }
    for_each_reason(
        score, [&](std::string_view name, std::uint64_t number) { json += fmt::format(",\"{}\":{}", name, number); });
}

std::string as_json(std::string_view backend, const Scores& scores) {
    std::string json = fmt::format(R"({{"backend":"{}","total":{{)", backend);
    append_json_members(json, scores.total);
    json += R"(},"workers":[)";
    for (std::size_t worker = 0; worker < scores.workers.size(); ++worker) {
        json += fmt::format(R"({}{{"worker":{},)", worker == 0 ? "" : ",", worker);
        append_json_members(json, scores.workers[worker]);
        json += '}';
    }
    return json + "]}\n";
}

// ---- text

std::string shown(const Row& row, const Score& score) {
    std::string value = row.value(score);
    return value.empty() ? "-" : value;
}

std::string as_text(std::string_view backend, const Scores& scores) {
    std::string text;
    const auto add = [&text](std::string_view name, const auto& value) {
        text += fmt::format("{:<31} {}\n", name, value);
    };
    add("backend", backend);
    add("workers", scores.workers.size());
    for (const Row& row : kRows) add(row.name, shown(row, scores.total));
    for_each_reason(scores.total, add);

    text += "\nworker";
    for (const Row& row : kRows) {
        if (row.in_table) text += fmt::format("  {:>12}", row.name);
    }
    text += '\n';
    for (std::size_t worker = 0; worker < scores.workers.size(); ++worker) {
        text += fmt::format("{:<6}", worker);
        for (const Row& row : kRows) {
            const std::size_t width = std::max<std::size_t>(12, row.name.size());
            if (row.in_table) text += fmt::format("  {:>{}}", shown(row, scores.workers[worker]), width);
        }
        text += '\n';
    }
    return text;
}

// ---- which of both

enum class Format { text, json, unknown };

Format asked_format(const Request& request) {
    if (const auto named = request.query_value("format"))
        return *named == "json" ? Format::json : *named == "text" ? Format::text : Format::unknown;
    const std::string_view accept = request.field("Accept").value_or("");
    return accept.find("application/json") == accept.npos ? Format::text : Format::json;
}

Response respond(const Request& request, const pipeline::Scoreboard& board) {
    const Format format = asked_format(request);
    if (format == Format::unknown)
        return Response::text(400, fmt::format("format: json or text, for example {}?format=json\n", request.path));
    runtime::Worker& worker = runtime::current_worker();
    worker.refresh_figures();
    const Scores scores = board.read();
    Response response = Response::text(200, {});
    if (format == Format::json) {
        response.content_type = "application/json";
        response.body = as_json(worker.backend, scores);
    } else {
        response.body = as_text(worker.backend, scores);
    }
    response.set("Cache-Control", "no-store").set("Vary", "Accept");
    return response;
}

}  // namespace

pipeline::PlainHandler make_status(const pipeline::Scoreboard& board) {
    return [&board](Request& request, Context&) { return respond(request, board); };
}

}  // namespace spindle::handlers
