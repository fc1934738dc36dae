// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/static_files.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>
#include <system_error>
#include <vector>

#include "config/text_template.hpp"
#include "server/handlers/file_answer.hpp"
#include "server/handlers/file_failure.hpp"
#include "server/handlers/folder_listing.hpp"
#include "server/handlers/representation.hpp"
#include "server/handlers/static_root.hpp"
#include "server/http/coding.hpp"
#include "server/http/percent.hpp"

namespace spindle::handlers {

using pipeline::Context;
using pipeline::Request;
using pipeline::Response;
using pipeline::task;

namespace {

struct StaticRoute {
    StaticRoot root;
    std::string mounted_at;  ///< the route's path
    std::vector<std::string> index;
    std::vector<config::TextTemplate> try_files;
    bool autoindex;
    Offer offer;
};

bool has_hidden_segment(std::string_view relative) noexcept {
    if (relative == ".well-known" || relative.starts_with(".well-known/")) relative.remove_prefix(1);
    return relative.starts_with('.') || relative.find("/.") != relative.npos;
}

/// A target as the client sent it, made fit for Location: one leading slash, so that it names no other host.
Response redirect_to_folder(const Request& request) {
    std::string location;
    http::append_encoded_path(location, request.path);
    http::keep_one_slash(location);
    location += '/';
    if (!request.query.empty()) location.append("?").append(request.query);
    Response response = Response::text(301, "moved to " + location + "\n");
    response.set("Location", location);
    return response;
}

task<Response> send(const StaticRoute& route, const Request& request, const std::string& path, FilePointer file) {
    Representation chosen = co_await choose_representation(route.root, route.offer, request, path, std::move(file));
    co_return co_await answer_file(request, std::move(chosen));
}

/// The first index file that is there, else the folder's entries, if those are anybody's business.
task<Response> send_folder(const StaticRoute& route, const Request& request, const std::string& folder) {
    for (const std::string& name : route.index) {
        const std::string path = folder + name;
        auto found = co_await route.root.find(path);
        if (found && !(*found)->is_folder()) co_return co_await send(route, request, path, std::move(*found));
        if (!found && found.error() != ENOENT) co_return failed(found.error());
    }
    if (!route.autoindex) co_return not_found();
    const std::string opened = folder.empty() ? "." : folder;
    auto found = co_await route.root.find(opened);
    if (!found) co_return failed(found.error());
    co_return co_await list_folder(request, route.root, std::move(*found));
}

/// `relative` is what the request asks for.
task<Response> send_asked(const StaticRoute& route, const Request& request, const std::string& relative) {
    if (relative.empty() || relative.ends_with('/')) co_return co_await send_folder(route, request, relative);
    auto found = co_await route.root.find(relative);
    if (!found) co_return failed(found.error());
    if ((*found)->is_folder()) co_return redirect_to_folder(request);
    co_return co_await send(route, request, relative, std::move(*found));
}

std::string tried_path(const config::TextTemplate& text, std::string_view relative) {
    if (relative.ends_with('/')) relative.remove_suffix(1);
    std::string path;
    for (const config::TemplatePiece& piece : text) path += piece.is_variable ? relative : piece.text;
    return path;
}

/// What stands in for what is not there: the first of try_files that is.
task<Response> send_instead(const StaticRoute& route, const Request& request, const std::string& relative) {
    for (const config::TextTemplate& text : route.try_files) {
        const std::string path = tried_path(text, relative);
        auto found = co_await route.root.find(path);
        if (found && !(*found)->is_folder()) co_return co_await send(route, request, path, std::move(*found));
    }
    co_return not_found();
}

std::string_view relative_path(const StaticRoute& route, const Request& request) noexcept {
    return request.path.substr(std::min(route.mounted_at.size(), request.path.size()));
}

bool is_servable(std::string_view relative) noexcept {
    return !relative.starts_with('/') && relative.find('\0') == relative.npos && !has_hidden_segment(relative);
}

/// The usual case at once: a whole file that lies in memory, and nothing else to choose from.
std::optional<Response> known(const StaticRoute& route, const Request& request) {
    std::string_view relative = relative_path(route, request);
    std::string index;
    if (relative.empty() || relative.ends_with('/')) {
        if (route.index.empty()) return std::nullopt;
        index.append(relative).append(route.index.front());
        relative = index;
    }
    if (!is_servable(relative)) return std::nullopt;
    std::optional<FoundFile> found = route.root.known(relative);
    if (!found || !found->has_value()) return std::nullopt;
    auto chosen = only_representation(route.offer, relative, std::move(**found));
    return chosen ? answer_from_memory(request, *chosen) : std::nullopt;
}

task<Response> serve(std::shared_ptr<const StaticRoute> route, Request& request) {
    const std::string relative(relative_path(*route, request));
    if (!is_servable(relative)) co_return not_found();
    Response answer = co_await send_asked(*route, request, relative);
    if (answer.status == 404 && !route->try_files.empty()) co_return co_await send_instead(*route, request, relative);
    co_return answer;
}

}  // namespace

std::expected<SharedFiles, std::string> make_shared_files(const config::Config& config) {
    SharedFiles shared;
    if (!config.compression.encodings.empty()) shared.encoder = std::make_shared<FileEncoder>(config.compression);
    if (config.files.cache_bytes != 0) shared.cache = std::make_shared<FileCache>(config.files);
    auto types = std::make_shared<http::MimeTypes>();
    for (const config::NamedText& type : config.files.types) types->set(type.name, type.value);
    const std::string& table = config.files.types_table;
    if (std::ifstream file(table); file) types->read_table(file);
    else if (table != "none" && table != config::Files::kSystemTypes)
        return std::unexpected(fmt::format("files.types_table {} cannot be read", table));
    shared.types = std::move(types);
    return shared;
}

std::expected<pipeline::Handler, std::string> make_static_files(const config::Route& route, const SharedFiles& shared) {
    auto root = StaticRoot::open(route.root, route.symlinks, shared.cache);
    if (!root) {
        return std::unexpected(
            fmt::format("root {}: {}", route.root.string(), std::generic_category().message(root.error())));
    }
    Offer offer{
        .precompressed = http::codings_of(route.precompressed), .encoder = shared.encoder, .types = shared.types};
    std::vector<config::TextTemplate> try_files;
    try_files.reserve(route.try_files.size());
    for (const std::string& text : route.try_files) try_files.push_back(config::parse_template(text).value());
    auto mounted = std::make_shared<const StaticRoute>(std::move(*root), route.path, route.index, std::move(try_files),
                                                       route.autoindex, std::move(offer));
    return pipeline::KnowingHandler{
        .known = [mounted](Request& request, Context&) { return known(*mounted, request); },
        .otherwise = [mounted](Request& request, Context&) { return serve(mounted, request); }};
}

}  // namespace spindle::handlers
