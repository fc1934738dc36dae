// SPDX-License-Identifier: Apache-2.0
//
// What the pipeline keeps for each worker so that connections share it without sharing cache lines: the
// Date text of this second, spare exchanges, counters. Used by whoever runs on that worker, in the
// runtime, never from inside a handler.
#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string_view>
#include <vector>

#include "server/http/date.hpp"
#include "server/pipeline/exchange.hpp"
#include "server/pipeline/request_id.hpp"
#include "server/pipeline/scoreboard.hpp"

namespace spindle::pipeline {

class WorkerState {
  public:
    /// `shared` outlives it.
    explicit WorkerState(PipelineCounters& shared) : counters(shared) { spare_.reserve(kSpareMax); }

    /// IMF-fixdate of the current second (RFC 9110 section 5.6.7). Valid until the next call.
    [[nodiscard]] std::string_view date() noexcept {
        const std::time_t now = std::time(nullptr);
        if (now != date_second_) {
            date_second_ = now;
            http::format_date(now, date_);
        }
        return {date_.data(), date_.size()};
    }

    [[nodiscard]] std::unique_ptr<Exchange> take_exchange() {
        if (spare_.empty()) return std::make_unique<Exchange>();
        std::unique_ptr<Exchange> exchange = std::move(spare_.back());
        spare_.pop_back();
        return exchange;
    }

    void give_exchange(std::unique_ptr<Exchange> exchange) noexcept {
        if (spare_.size() >= kSpareMax || exchange->grew_large()) return;
        spare_.push_back(std::move(exchange));
    }

    PipelineCounters& counters;
    RequestIds request_ids;

  private:
    static constexpr std::size_t kSpareMax = 64;

    std::time_t date_second_ = 0;
    std::array<char, http::kDateBytes> date_{};
    std::vector<std::unique_ptr<Exchange>> spare_;
};

}  // namespace spindle::pipeline
