// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/static_files.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <memory>
#include <ranges>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/io.hpp"
#include "server/http/conditional.hpp"
#include "server/http/date.hpp"
#include "server/http/mime.hpp"
#include "server/http/range.hpp"

namespace spindle::handlers {

using pipeline::Context;
using pipeline::Request;
using pipeline::Response;
using pipeline::task;

namespace {

/// Up to here a file is read into the response and leaves with its head in one send; beyond it is streamed.
constexpr std::uint64_t kInlineBytes = 64 * 1024;

class Descriptor {
  public:
    explicit Descriptor(int number = -1) noexcept : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int get() const noexcept { return number_; }
    [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }

  private:
    int number_;
};

struct Root {
    Descriptor directory;
    std::string mounted_at;  ///< the route's path
    std::vector<std::string> index;
};

/// What a path led to. Neither a file nor a folder that can be read: an error.
struct Found {
    Descriptor descriptor;
    struct stat status{};
    [[nodiscard]] bool is_folder() const noexcept { return S_ISDIR(status.st_mode); }
};

/// Dotfiles are answered with this too, so that nobody learns which exist.
Response not_found() { return Response::text(404, "not found\n"); }

Response failed(int error) {
    switch (error) {
        case EACCES:
        case EPERM: return Response::text(403, "forbidden\n");
        case EMFILE:
        case ENFILE:
        case ENOMEM: {
            Response busy = Response::text(503, "too many open files\n");
            busy.set("Retry-After", "1");
            return busy;
        }
        case EIO: return Response::text(500, "the file cannot be read\n");
        default: return not_found();  // also ENAMETOOLONG, ENOTDIR, ELOOP, EXDEV (outside the root)
    }
}

bool has_hidden_segment(std::string_view relative) noexcept {
    if (relative == ".well-known" || relative.starts_with(".well-known/")) relative.remove_prefix(1);
    return relative.starts_with('.') || relative.find("/.") != relative.npos;
}

task<std::expected<Found, int>> open_in(const Root& root, const std::string& path) {
    open_how how{};
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    const auto opened = co_await runtime::open_beneath(root.directory.get(), path.c_str(), how);
    if (!opened) co_return std::unexpected(opened.error().code);
    Found found{.descriptor = Descriptor(*opened)};
    if (::fstat(found.descriptor.get(), &found.status) != 0) co_return std::unexpected(errno);
    if (!S_ISREG(found.status.st_mode) && !found.is_folder()) co_return std::unexpected(ENOENT);
    co_return found;
}

/// Changes whenever the file does: replaced, rewritten or touched.
std::string etag_of(const struct stat& status) {
    return fmt::format("\"{:x}.{:x}-{:x}-{:x}\"", static_cast<std::uint64_t>(status.st_mtim.tv_sec),
                       static_cast<std::uint64_t>(status.st_mtim.tv_nsec), static_cast<std::uint64_t>(status.st_size),
                       static_cast<std::uint64_t>(status.st_ino));
}

std::string date_of(std::time_t time) {
    std::array<char, http::kDateBytes> text;
    http::format_date(std::max<std::time_t>(time, 0), text);
    return {text.data(), text.size()};
}

/// A target as the client sent it, made fit for Location: one leading slash, so that it names no other host.
Response redirect_to_folder(const Request& request) {
    std::string location = "/";
    for (const char c : std::string_view(request.path).substr(1)) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain =
            std::isalnum(byte) != 0 || std::string_view("-._~/!$&'()*+,;=:@").find(c) != std::string_view::npos;
        if (location == "/" && c == '/') continue;
        if (plain) location += c;
        else location += fmt::format("%{:02X}", byte);
    }
    location += '/';
    if (!request.query.empty()) location.append("?").append(request.query);
    Response response = Response::text(301, "moved to " + location + "\n");
    response.set("Location", location);
    return response;
}

/// Short files at once, long ones by the pipeline.
task<std::expected<http::Body, int>> body_of(Found& found, http::ByteRange range) {
    if (range.size() > kInlineBytes) {
        co_return http::Body(http::FileBody(found.descriptor.release(), range.first, range.size()));
    }
    std::string bytes(range.size(), '\0');
    std::size_t done = 0;
    while (done < bytes.size()) {
        const std::span<char> rest(bytes.data() + done, bytes.size() - done);
        const auto read = co_await runtime::read_at(found.descriptor.get(), rest, range.first + done);
        if (!read) co_return std::unexpected(read.error().code);
        if (*read == 0) co_return std::unexpected(EIO);  // cut short since fstat
        done += *read;
    }
    co_return http::Body(std::move(bytes));
}

task<Response> send_file(const Request& request, Found found, std::string_view name) {
    const auto size = static_cast<std::uint64_t>(found.status.st_size);
    const std::time_t modified = found.status.st_mtim.tv_sec;
    const std::string etag = etag_of(found.status);

    Response response;
    // Never later than Date (RFC 9110 section 8.8.2.1), whatever the file says.
    response.set("Last-Modified", date_of(std::min(modified, std::time(nullptr))))
        .set("ETag", etag)
        .set("Accept-Ranges", "bytes");

    switch (http::evaluate(request, etag, modified)) {
        case http::Precondition::not_modified: response.status = 304; co_return response;
        case http::Precondition::failed: co_return Response::text(412, "precondition failed\n");
        case http::Precondition::proceed: break;
    }
    const http::RangeDecision decision = http::decide_range(request, size, etag, modified);
    http::ByteRange range{0, size - 1};
    if (decision.kind == http::RangeKind::unsatisfiable) {
        Response refused = Response::text(416, "the file is shorter than the range asked for\n");
        refused.set("Content-Range", fmt::format("bytes */{}", size));
        co_return refused;
    }
    if (decision.kind == http::RangeKind::partial) {
        range = decision.range;
        response.status = 206;
        response.set("Content-Range", fmt::format("bytes {}-{}/{}", range.first, range.last, size));
    }
    response.content_type = http::mime_type(name);
    if (size == 0) co_return response;
    auto body = co_await body_of(found, range);
    if (!body) co_return failed(body.error());
    response.body = std::move(*body);
    co_return response;
}

/// The first index file that is there. A folder without one is not found: its entries are nobody's business.
task<Response> send_index(const Root& root, const Request& request, std::string folder) {
    for (const std::string& name : root.index) {
        const std::string path = folder + name;
        auto found = co_await open_in(root, path);
        if (found && !found->is_folder()) co_return co_await send_file(request, std::move(*found), name);
        if (!found && found.error() != ENOENT) co_return failed(found.error());
    }
    co_return not_found();
}

task<Response> serve(std::shared_ptr<const Root> root, Request& request) {
    std::string relative(request.path.substr(std::min(root->mounted_at.size(), request.path.size())));
    if (relative.starts_with('/') || relative.find('\0') != relative.npos || has_hidden_segment(relative)) {
        co_return not_found();
    }
    if (relative.empty() || relative.ends_with('/')) co_return co_await send_index(*root, request, std::move(relative));
    auto found = co_await open_in(*root, relative);
    if (!found) co_return failed(found.error());
    if (found->is_folder()) co_return redirect_to_folder(request);
    co_return co_await send_file(request, std::move(*found), relative);
}

}  // namespace

std::expected<pipeline::Handler, std::string> make_static_files(const config::Route& route) {
    const int directory = ::open(route.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        return std::unexpected(fmt::format("root {}: {}", route.root.string(), std::generic_category().message(errno)));
    }
    auto root = std::make_shared<const Root>(Descriptor(directory), route.path, route.index);
    return pipeline::CoroutineHandler([root](Request& request, Context&) { return serve(root, request); });
}

}  // namespace spindle::handlers
