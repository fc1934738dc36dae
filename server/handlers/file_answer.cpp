// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/file_answer.hpp"

#include <sys/random.h>

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <ctime>

#include "server/handlers/file_bytes.hpp"
#include "server/handlers/file_failure.hpp"
#include "server/http/conditional.hpp"
#include "server/http/encoded_response.hpp"
#include "server/http/multipart.hpp"
#include "server/http/range.hpp"

namespace spindle::handlers {

using http::ByteRange;
using http::Request;
using http::Response;
using runtime::task;

namespace {

/// Up to here a file is read into the response and leaves with its head in one send; beyond it is streamed.
constexpr std::uint64_t kInlineBytes = 64 * 1024;

/// The same bytes in another coding are another representation.
std::string etag_of(const File& file, http::Coding coding) {
    if (coding == http::Coding::identity) return file.etag;
    return fmt::format("{}-{}\"", std::string_view(file.etag).substr(0, file.etag.size() - 1), http::to_string(coding));
}

/// A date is as good as a tag only when its second is over: the file may change again within it.
std::optional<std::time_t> strong_date(std::time_t modified, std::time_t now) noexcept {
    return modified + 1 < now ? std::optional(modified) : std::nullopt;
}

/// 128 bits: nobody writes a file that contains it.
std::string random_boundary() {
    std::array<std::uint64_t, 2> bits{};
    // Never short below 256 bytes, and never fails once the kernel's pool is ready.
    if (::getrandom(bits.data(), sizeof bits, 0) != sizeof bits) bits[0] = reinterpret_cast<std::uintptr_t>(&bits);
    return fmt::format("{:016x}{:016x}", bits[0], bits[1]);
}

/// One range: what lies in memory, short ones at once, long ones by the pipeline.
task<int> set_body(Response& response, const FilePointer& file, ByteRange range) {
    if (file->bytes != nullptr && range.size() == file->size()) {
        response.body = file->bytes;
        co_return 0;
    }
    if (file->bytes == nullptr && range.size() > kInlineBytes) {
        response.body = http::FileBody{.file = file, .offset = range.first, .length = range.size()};
        co_return 0;
    }
    std::string bytes;
    const int error = co_await append_range(*file, range, bytes);
    if (error == 0) response.body = std::move(bytes);
    co_return error;
}

/// Several, with text around each.
task<int> set_parts(Response& response, const FilePointer& file, std::span<const ByteRange> ranges,
                    std::string_view type) {
    http::Multipart multipart = http::multipart_of(ranges, type, file->size(), random_boundary());
    response.set("Content-Type", multipart.content_type);
    if (file->bytes == nullptr && multipart.length > kInlineBytes) {
        auto pieces = std::make_unique<http::FilePieces>(
            http::FilePieces{.file = file, .pieces = {}, .end = std::move(multipart.end), .length = multipart.length});
        for (std::size_t i = 0; i < ranges.size(); ++i) {
            pieces->pieces.push_back({std::move(multipart.heads[i]), ranges[i].first, ranges[i].size()});
        }
        response.body = std::move(pieces);
        co_return 0;
    }
    std::string bytes;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        bytes += multipart.heads[i];
        const int error = co_await append_range(*file, ranges[i], bytes);
        if (error != 0) co_return error;
    }
    response.body = bytes + multipart.end;
    co_return 0;
}

/// The ranges of a 206.
task<int> set_ranges(Response& response, Representation& chosen, std::span<const ByteRange> ranges) {
    response.status = 206;
    if (ranges.size() > 1) co_return co_await set_parts(response, chosen.file, ranges, chosen.type);
    response.content_type = chosen.type;
    response.set("Content-Range", http::content_range(ranges.front(), chosen.file->size()));
    co_return co_await set_body(response, chosen.file, ranges.front());
}

/// All of it, encoded on the way if that is wanted and makes it smaller.
task<int> set_whole(Response& response, Representation& chosen) {
    response.content_type = chosen.type;
    if (chosen.file->size() == 0) co_return 0;
    if (chosen.send_in != http::Coding::identity) {
        http::SharedBytes encoded = co_await chosen.encoder->encoded(*chosen.file, chosen.send_in, chosen.only_encoded);
        if (encoded != nullptr) {
            response.body = std::move(encoded);
            http::mark_encoded(response, chosen.send_in);
            co_return 0;
        }
    }
    co_return co_await set_body(response, chosen.file, {0, chosen.file->size() - 1});
}

/// What every answer about a negotiated file has.
Response varying(const Representation& chosen, Response response) {
    if (chosen.varies) http::vary_by_encoding(response);
    return response;
}

Response unsatisfiable(std::uint64_t size) {
    Response response = Response::text(416, "the file is shorter than the range asked for\n");
    response.set("Content-Range", fmt::format("bytes */{}", size));
    return response;
}

/// All but the body. Its status is 200, unless the preconditions decide.
Response begin_answer(const Request& request, const Representation& chosen, const std::string& etag) {
    Response response = varying(chosen, {});
    response.fields.reserve(4);
    response.set("Last-Modified", chosen.file->modified);
    switch (http::evaluate(request, etag, chosen.file->status.st_mtim.tv_sec)) {
        case http::Precondition::not_modified:
            response.status = 304;
            response.set("ETag", chosen.send_in == http::Coding::identity ? etag : "W/" + etag);
            return response;
        case http::Precondition::failed: return varying(chosen, Response::text(412, "precondition failed\n"));
        case http::Precondition::proceed: break;
    }
    response.set("ETag", etag).set("Accept-Ranges", "bytes");
    if (chosen.coding != http::Coding::identity) response.set("Content-Encoding", http::to_string(chosen.coding));
    return response;
}

}  // namespace

std::optional<Response> answer_from_memory(const Request& request, const Representation& only) {
    if (only.file->bytes == nullptr || request.field("Range")) return std::nullopt;
    std::optional<Response> response = begin_answer(request, only, only.file->etag);
    if (response->status != 200) return response;
    response->content_type = only.type;
    if (only.file->size() > 0) response->body = only.file->bytes;
    return response;
}

task<Response> answer_file(const Request& request, Representation chosen) {
    const std::string etag = etag_of(*chosen.file, chosen.coding);
    Response response = begin_answer(request, chosen, etag);
    if (response.status != 200) co_return response;

    const std::uint64_t size = chosen.file->size();
    const auto date = strong_date(chosen.file->status.st_mtim.tv_sec, std::time(nullptr));
    http::RangeDecision decision = http::decide_range(request, size, etag, date);
    // Ranges are of the file as it lies there; who wants it encoded only gets all of it.
    if (chosen.only_encoded && chosen.send_in != http::Coding::identity) decision.kind = http::RangeKind::whole;
    int error = 0;
    switch (decision.kind) {
        case http::RangeKind::unsatisfiable: co_return varying(chosen, unsatisfiable(size));
        case http::RangeKind::partial: error = co_await set_ranges(response, chosen, decision.ranges); break;
        case http::RangeKind::whole: error = co_await set_whole(response, chosen); break;
    }
    if (error != 0) co_return varying(chosen, failed(error));
    co_return response;
}

}  // namespace spindle::handlers
