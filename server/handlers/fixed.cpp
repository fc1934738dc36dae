// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/fixed.hpp"

#include <memory>
#include <string>

#include <spdlog/spdlog.h>

#include "config/text_template.hpp"
#include "runtime/error.hpp"
#include "server/http/percent.hpp"
#include "server/pipeline/fill_in.hpp"

namespace spindle::handlers {

using pipeline::Context;
using pipeline::Request;
using pipeline::Response;

namespace {

constexpr std::uint16_t kPermanentRedirect = 308;

}  // namespace

pipeline::Handler make_redirect(const config::Route& route) {
    auto target = config::parse_template(route.to);
    CHECK_THAT(target.has_value());
    const std::uint16_t status = route.status == 0 ? kPermanentRedirect : route.status;
    const bool names_host = route.to.starts_with("//");
    const bool tells_scheme = config::has_variable(*target, "scheme");
    return pipeline::PlainHandler([=, target = std::move(*target)](Request& request, Context& context) {
        const bool https = tells_scheme && context.client(request).scheme == "https";
        const std::string_view scheme = https ? "https" : "http";
        std::string location = fill_in(target, *context.route, request, pipeline::Encoding::percent, scheme);
        if (!names_host) http::keep_one_slash(location);
        Response response = Response::text(status, "see " + location + "\n");
        response.set("Location", location);
        return response;
    });
}

pipeline::Handler make_respond(const config::Route& route) {
    const auto kept = std::make_shared<const config::Route>(route);  // views of it leave with each response
    return pipeline::PlainHandler([kept](Request&, Context&) {
        Response response;
        response.status = kept->status == 0 ? std::uint16_t{200} : kept->status;
        const bool typed = !kept->content_type.empty();
        if (!kept->body.empty() || typed)
            response.content_type = typed ? std::string_view(kept->content_type) : "text/plain; charset=utf-8";
        response.body = std::string_view(kept->body);
        return response;
    });
}

Response rewritten_too_often(Request& request, Context& context) {
    spdlog::error("rewrites lead in a circle, at last from {} to {:?}", context.route->path, request.path);
    return Response::text(500, "500 Internal Server Error\n");
}

}  // namespace spindle::handlers
