// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/fill_in.hpp"

#include <algorithm>

#include "server/http/percent.hpp"

namespace spindle::pipeline {

std::string fill_in(const config::TextTemplate& text, const Route& route, const http::Request& request,
                    Encoding encoding, std::string_view scheme) {
    std::string filled;
    const auto names = route.pattern.parameter_names();
    const Parameters parameters = parameters_of(route, request.path);
    const auto append = [&](std::string_view path) {
        if (encoding == Encoding::none) filled += path;
        else http::append_encoded_path(filled, path);
    };
    for (const config::TemplatePiece& piece : text) {
        const auto parameter = std::ranges::find(names, piece.text);
        if (!piece.is_variable) {
            filled += piece.text;
        } else if (parameter != names.end()) {
            append(parameters[static_cast<std::size_t>(parameter - names.begin())]);
        } else if (piece.text == "host") {
            filled += request.host;
        } else if (piece.text == "scheme") {
            filled += scheme;
        } else if (piece.text == "query") {
            filled += request.query;
        } else if (piece.text == "path" || piece.text == "uri") {
            append(request.path);
            if (piece.text == "uri" && !request.query.empty()) filled.append("?").append(request.query);
        }
    }
    return filled;
}

}  // namespace spindle::pipeline
