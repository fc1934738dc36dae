// SPDX-License-Identifier: Apache-2.0
//
// A request and its answer while they are under way. A connection has one only then: an idle connection
// gives it back to its worker.
#pragma once

#include <cstddef>
#include <cstdint>
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

    [[nodiscard]] bool grew_large() const noexcept {
        return input.capacity() > kKeptBytesMax || output.capacity() > kKeptBytesMax;
    }
    void clear() noexcept {
        input.clear();
        output.clear();
        response.reset();
        started = 0;
        id = {};
    }

  private:
    static constexpr std::size_t kKeptBytesMax = 64 * 1024;
};

}  // namespace spindle::pipeline
