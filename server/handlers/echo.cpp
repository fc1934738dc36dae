// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/echo.hpp"

#include <memory>

namespace spindle::handlers {

using pipeline::BodyReader;
using pipeline::BodyWriter;
using pipeline::Context;
using pipeline::Request;
using pipeline::Response;
using pipeline::task;

namespace {

task<void> copy(BodyReader& from, BodyWriter& to) {
    while (true) {
        const auto bytes = co_await from.read();
        if (!bytes || bytes->empty()) co_return;
        const auto written = co_await to.write(*bytes);
        if (!written) co_return;
    }
}

}  // namespace

task<Response> echo(Request& request, Context& context) {
    Response response;
    // The client's media type would let a stranger serve script in this site's name.
    response.content_type = "application/octet-stream";
    if (!request.has_body()) co_return response;
    BodyReader& body = *context.body;  // outlives the response
    response.body = std::make_unique<pipeline::StreamedBody>([&body](BodyWriter& to) { return copy(body, to); });
    co_return response;
}

}  // namespace spindle::handlers
