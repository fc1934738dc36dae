// SPDX-License-Identifier: Apache-2.0
//
// A request and its answer while they are under way. A connection has one only then: an idle connection
// gives it back to its worker.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>

#include "server/http/parser.hpp"
#include "server/http/request.hpp"
#include "server/http/response.hpp"
#include "server/pipeline/request_id.hpp"
#include "server/pipeline/site.hpp"

namespace spindle::pipeline {

struct Exchange {
    http::RequestParser parser;
    http::Request request;  ///< views into `input` or into the receive buffer
    Destination to;         ///< of the request, once its head is there
    std::string input;      ///< bytes kept beyond their receive buffer, from the start of a request head
    std::string output;     ///< answers not yet sent, in order
    RequestId id;           ///< if there are ids
    std::unique_ptr<http::Response> response;  ///< made already, but too large to send without waiting
    std::uint64_t started = 0;                 ///< reactor time of the head's first byte, ns

    /// What is appended to `output` from now on answers the request.
    void begin_answer() noexcept { answer_at_ = std::ssize(output); }
    /// That many bytes of `output` went to the client.
    void left(std::size_t bytes) noexcept {
        answer_at_ -= static_cast<std::ptrdiff_t>(bytes);
        if (bytes == output.size()) output.clear();
        else output.erase(0, bytes);
    }
    /// Takes back what `output` has of the answer. False: some of it has left.
    [[nodiscard]] bool take_back_answer() noexcept {
        if (answer_at_ < 0) return false;
        output.resize(std::min(output.size(), static_cast<std::size_t>(answer_at_)));
        return true;
    }

    [[nodiscard]] bool grew_large() const noexcept {
        return input.capacity() > kKeptBytesMax || output.capacity() > kKeptBytesMax;
    }
    void clear() noexcept {
        input.clear();
        output.clear();
        response.reset();
        started = 0;
        id = {};
        answer_at_ = 0;
    }

  private:
    static constexpr std::size_t kKeptBytesMax = 64 * 1024;

    std::ptrdiff_t answer_at_ = 0;  // where in `output`; negative: some of it has left
};

}  // namespace spindle::pipeline
