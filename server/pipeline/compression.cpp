// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/compression.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "runtime/io.hpp"
#include "server/http/encode.hpp"
#include "server/http/encoded_response.hpp"
#include "server/http/serialise.hpp"
#include "server/pipeline/encoded_stream.hpp"

namespace spindle::pipeline {

using http::Coding;
using http::Request;
using http::Response;

namespace {

std::string_view bytes_of(const Response& response) noexcept {
    return http::bytes_in_memory(response).value_or(std::string_view());
}

/// Null if it is none.
StreamedBody* stream_of(Response& response) noexcept {
    auto* const stream = std::get_if<std::unique_ptr<http::BodyStream>>(&response.body);
    return stream == nullptr ? nullptr : static_cast<StreamedBody*>(stream->get());
}

bool forbids_transforming(const Response& response) noexcept {
    constexpr std::string_view kWord = "no-transform";
    const std::string_view list = response.field("cache-control").value_or("");
    for (std::size_t at = 0; at + kWord.size() <= list.size(); ++at) {
        if (http::iequals(list.substr(at, kWord.size()), kWord)) return true;
    }
    return false;
}

Coding best_of(const Request& request, std::span<const Coding> codings) noexcept {
    const http::Codings accepted = http::acceptable(request, codings);
    return accepted.empty() ? Coding::identity : accepted.best();
}

/// Holds its bytes of the sum as long as it lives.
struct CountedEncoder {
    CountedEncoder(std::atomic<std::size_t>& sum, std::size_t bytes) noexcept : sum_(sum), bytes_(bytes) {
        sum_ += bytes_;
    }
    ~CountedEncoder() { sum_ -= bytes_; }
    CountedEncoder(const CountedEncoder&) = delete;
    CountedEncoder& operator=(const CountedEncoder&) = delete;

    std::unique_ptr<http::StreamEncoder> encoder{};

  private:
    std::atomic<std::size_t>& sum_;
    const std::size_t bytes_;
};

void replace_body(Response& response, Coding coding, std::optional<std::string> encoded) {
    if (!encoded) return;
    response.body = std::move(*encoded);
    http::mark_encoded(response, coding);
}

}  // namespace

Compression::Compression(const config::Compression& options)
    : codings_(http::codings_of(options.encodings)),
      types_(options.types),
      bytes_min_(options.min_bytes),
      stream_bytes_max_(options.stream_bytes) {
    std::ranges::sort(types_);
}

bool Compression::fits(std::string_view content_type, std::uint64_t bytes) const noexcept {
    if (bytes == 0 || bytes < bytes_min_) return false;
    std::string_view type = content_type.substr(0, content_type.find(';'));
    while (type.ends_with(' ')) type.remove_suffix(1);
    return std::ranges::binary_search(types_, type, {}, [](std::string_view each) { return each; });
}

bool Compression::concerns(const Response& response) const noexcept {
    const bool streamed = std::holds_alternative<std::unique_ptr<http::BodyStream>>(response.body);
    const std::size_t bytes = streamed ? std::numeric_limits<std::size_t>::max() : bytes_of(response).size();
    if (bytes == 0 || http::is_bodiless(response.status) || response.status == 206) return false;
    const std::string_view type =
        response.content_type.empty() ? response.field("content-type").value_or("") : response.content_type;
    return fits(type, bytes) && !response.field("content-encoding") && !http::varies_by_encoding(response) &&
           !forbids_transforming(response);
}

void Compression::encode_if_short(const Request& request, Response& response) const {
    if (!concerns(response)) return;
    const Coding coding = best_of(request, codings_);
    if (StreamedBody* const stream = stream_of(response); stream != nullptr) {
        http::vary_by_encoding(response);
        if (coding == Coding::identity || !has_room_for(coding)) return;
        // Nobody asks for the body of a HEAD: it says what a GET would, and holds no memory for that.
        if (request.method != http::Method::head) {
            std::shared_ptr<http::StreamEncoder> encoder = stream_encoder(coding);
            if (encoder == nullptr) return;
            encode_stream(*stream, std::move(encoder));
        }
        return http::mark_encoded(response, coding);
    }
    const std::string_view bytes = bytes_of(response);
    if (coding != Coding::identity && bytes.size() > kShortBytesMax) return;
    http::vary_by_encoding(response);
    replace_body(response, coding, http::encode(coding, bytes));
}

runtime::task<void> Compression::encode(const Request& request, Response& response) const {
    encode_if_short(request, response);
    if (!concerns(response)) co_return;
    http::vary_by_encoding(response);
    const Coding coding = best_of(request, codings_);
    auto work = [coding, bytes = bytes_of(response)] { return http::encode(coding, bytes); };
    auto encoded = co_await runtime::blocking(work);
    if (encoded) replace_body(response, coding, std::move(*encoded));
}

bool Compression::has_room_for(Coding coding) const noexcept {
    return stream_bytes_ + http::stream_encoder_bytes(coding) <= stream_bytes_max_;
}

std::shared_ptr<http::StreamEncoder> Compression::stream_encoder(Coding coding) const {
    const auto counted = std::make_shared<CountedEncoder>(stream_bytes_, http::stream_encoder_bytes(coding));
    if (stream_bytes_ > stream_bytes_max_) return nullptr;
    counted->encoder = http::make_stream_encoder(coding);
    return {counted, counted->encoder.get()};
}

}  // namespace spindle::pipeline
