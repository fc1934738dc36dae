// SPDX-License-Identifier: Apache-2.0
#include "server/http/serialise.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "server/http/bytes.hpp"
#include "server/http/status.hpp"
#include "server/http/text.hpp"

namespace spindle::http {

namespace {

bool valid_value(std::string_view value) noexcept {
    const auto doubtful = [](EightBytes bytes) { return bytes.below(0x20); };
    if (value.size() >= 8 && clean(value, doubtful)) return true;
    return std::ranges::none_of(value, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

bool valid(const ResponseField& field) noexcept {
    return !field.name.empty() && std::ranges::all_of(field.name, is_token_byte) && valid_value(field.value);
}

// Writes into space that was reserved: a head is appended with one resize, not a dozen.
class Cursor {
  public:
    explicit Cursor(char* at) noexcept : at_(at) {}
    void put(std::string_view text) noexcept {
        std::memcpy(at_, text.data(), text.size());
        at_ += text.size();
    }
    void put_number(std::uint64_t number, int base = 10) noexcept {
        at_ = std::to_chars(at_, at_ + kNumberBytesMax, number, base).ptr;
    }
    [[nodiscard]] char* at() const noexcept { return at_; }
    static constexpr std::size_t kNumberBytesMax = 20;

  private:
    char* at_;
};

// All that a head may need besides the handler's own text.
constexpr std::size_t kFixedBytesMax = 336;

}  // namespace

bool append_head(std::string& out, const Response& response, const HeadOptions& options) {
    if (!valid_value(response.content_type)) return false;
    std::size_t bytes = kFixedBytesMax + response.content_type.size() + options.request_id.size();
    for (const ResponseField& field : response.fields) {
        if (!valid(field)) return false;
        bytes += field.name.size() + field.value.size() + 4;
    }
    const std::size_t before = out.size();
    out.resize_and_overwrite(before + bytes, [&](char* data, std::size_t) noexcept {
        Cursor cursor(data + before);
        if (response.status == 200) {
            cursor.put("HTTP/1.1 200 OK\r\nServer: spindle\r\nDate: ");
        } else {
            cursor.put("HTTP/1.1 ");
            cursor.put_number(response.status);
            cursor.put(" ");
            cursor.put(reason_phrase(response.status));
            cursor.put("\r\nServer: spindle\r\nDate: ");
        }
        cursor.put(options.date);
        if (!response.content_type.empty()) {
            cursor.put("\r\nContent-Type: ");
            cursor.put(response.content_type);
        }
        if (!is_bodiless(response.status)) {
            if (options.framing == Framing::content_length) {
                cursor.put("\r\nContent-Length: ");
                cursor.put_number(options.content_length);
            } else if (options.framing == Framing::chunked) {
                cursor.put("\r\nTransfer-Encoding: chunked");
            }
        }
        if (!options.request_id.empty()) {
            cursor.put("\r\nX-Request-ID: ");
            cursor.put(options.request_id);
        }
        if (!options.keep_alive) cursor.put("\r\nConnection: close");
        else if (options.http10) cursor.put("\r\nConnection: keep-alive");
        for (const ResponseField& field : response.fields) {
            cursor.put("\r\n");
            cursor.put(field.name);
            cursor.put(": ");
            cursor.put(field.value);
        }
        cursor.put("\r\n\r\n");
        return static_cast<std::size_t>(cursor.at() - data);
    });
    return true;
}

std::optional<std::string_view> bytes_in_memory(const Response& response) noexcept {
    if (const auto* text = std::get_if<std::string_view>(&response.body)) return *text;
    if (const auto* owned = std::get_if<std::string>(&response.body)) return *owned;
    if (const auto* shared = std::get_if<SharedBytes>(&response.body)) return **shared;
    if (std::holds_alternative<std::monostate>(response.body)) return std::string_view();
    return std::nullopt;
}

std::uint64_t body_length(const Response& response) noexcept {
    if (const auto bytes = bytes_in_memory(response)) return bytes->size();
    if (const auto* file = std::get_if<FileBody>(&response.body)) return file->length;
    if (const auto* pieces = std::get_if<std::unique_ptr<FilePieces>>(&response.body)) return (*pieces)->length;
    return 0;
}

void append_chunk_head(std::string& out, std::size_t bytes) {
    std::array<char, 2 * sizeof bytes> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), bytes, 16).ptr;
    out.append(digits.data(), end);
    out.append("\r\n");
}

}  // namespace spindle::http
