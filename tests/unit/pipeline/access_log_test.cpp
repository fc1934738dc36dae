// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/access_log.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <unistd.h>

using namespace spindle;
using namespace spindle::pipeline;

namespace {

AccessRecord record() {
    AccessRecord one;
    one.remote = "192.0.2.1";
    one.client = "192.0.2.1";
    one.method = "GET";
    one.target = "/a?b";
    one.host = "example.org";
    one.status = 200;
    one.bytes_out = 13;
    one.duration = std::chrono::microseconds(1500);
    one.stages = {.head = 100, .body = 200, .handler = 700};
    one.referer = "";
    one.user_agent = "curl \"x\"";
    one.backend = "fiber";
    one.worker = 3;
    return one;
}

}  // namespace

TEST_CASE("A combined line is what Apache and nginx write") {
    std::string line;
    append_combined(line, record(), "24/Nov/2026:03:34:51 +0000");
    CHECK(line.starts_with("192.0.2.1 - - [24/Nov/2026:03:34:51 +0000] \"GET /a?b HTTP/1.1\" 200 13 \"-\" \"curl "));
    CHECK(line.ends_with("\"\n"));
    CHECK(line.find("\"x\"") == line.npos);
}

TEST_CASE("No client can forge a line or control a terminal") {
    AccessRecord hostile = record();
    hostile.user_agent = "a\n1.2.3.4 - - \x1b[2J\x7f";
    for (auto* append : {append_combined, append_json}) {
        std::string line;
        append(line, hostile, "now");
        CHECK(line.find('\n') == line.size() - 1);
        CHECK(line.find('\x1b') == line.npos);
        CHECK(line.find('\x7f') == line.npos);
    }
}

TEST_CASE("A JSON line has numbers as numbers") {
    std::string line;
    append_json(line, record(), "2026-11-24T03:34:51.123Z");
    CHECK(line.find("\"status\":200,") != line.npos);
    CHECK(line.find("\"bytes_out\":13,") != line.npos);
    CHECK(line.find("\"duration\":0.001500,\"header_duration\":0.000100,\"body_duration\":0.000200,"
                    "\"handler_duration\":0.000700,\"write_duration\":0.000500,") != line.npos);
    CHECK(line.find("\"worker\":3") != line.npos);
}

TEST_CASE("Lines of several workers are whole in the file, and a flush shows the last ones") {
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("spindle_log_" + std::to_string(::getpid()));
    config::Log settings;
    settings.access_path = path.string();
    {
        Scoreboard board(2);
        const auto log = AccessLog::open(settings, board);
        REQUIRE(log);
        for (int i = 0; i < 100; ++i) (*log)->write(static_cast<unsigned>(i % 2), record());
        (*log)->flush();
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        CHECK(std::ranges::count(text.str(), '\n') == 100);
        CHECK((*log)->lost() == 0);
    }
    std::filesystem::remove(path);
}

TEST_CASE("A full disk keeps lines as far as they fit in memory, loses and counts the others") {
    config::Log settings;
    settings.access_path = "/dev/full";
    Scoreboard board(2);
    const auto log = AccessLog::open(settings, board);
    REQUIRE(log);
    std::string line;
    append_combined(line, record(), format_stamp(settings.format, std::chrono::nanoseconds(0)));
    const std::uint64_t fitting = AccessLog::kWaitingBytesMax / line.size();
    for (std::uint64_t i = 0; i < fitting / 2; ++i) (*log)->write(1, record());
    CHECK((*log)->lost() == 0);
    for (std::uint64_t i = 0; i < 2 * fitting; ++i) (*log)->write(1, record());
    const std::uint64_t lost = (*log)->lost();
    CHECK(lost >= fitting);
    CHECK(lost <= 2 * fitting);
    const Scores scores = board.read();
    CHECK(scores.workers[0].access_log_lost == 0);
    CHECK(scores.workers[1].access_log_lost == lost);
    CHECK(scores.total.access_log_lost == lost);
    board.retire(1);  // it died; another one has its slot now
    CHECK(board.read().workers[1].access_log_lost == 0);
    CHECK(board.read().total.access_log_lost == lost);

    (*log)->end();
    CHECK((*log)->lost() == fitting / 2 + 2 * fitting);
}
