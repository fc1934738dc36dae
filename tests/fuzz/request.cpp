// SPDX-License-Identifier: Apache-2.0
//
// Whatever bytes come, and however they are cut: the request parser stays inside them, and finds the same
// requests, the same bodies and an error at the same place as when they come in one piece. The first byte of
// the input says how they are cut.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "server/http/parser.hpp"

namespace {

using namespace spindle::http;

constexpr Limits kLimits{.header_bytes = 512, .header_count = 8, .target_bytes = 64, .body_bytes = 256};

void append(std::string& account, std::string_view text) {
    account += std::to_string(text.size());
    account += ':';
    account += text;
    account += ' ';
}

/// Reads as the connection loop does, and writes down what it found.
class Reader {
  public:
    Reader() { parser_.reset(kLimits, request_); }

    void feed(std::string_view piece) {
        unread_ += piece;
        while (!failed_ && (in_body_ ? read_body() : read_head())) {
        }
    }

    [[nodiscard]] std::string account() const { return account_ + (failed_ ? "error" : ""); }

  private:
    bool read_head() {
        if (unread_.empty()) return false;
        const Event event = parser_.parse_head(unread_);
        if (event == Event::error) failed_ = true;
        if (event != Event::head_complete) return false;
        account_ += "head ";
        for (const std::string_view view : {request_.method_name, request_.path, request_.query, request_.host}) {
            append(account_, view);
        }
        for (const Field& field : request_.fields) {
            append(account_, field.name);
            append(account_, field.value);
        }
        unread_.erase(0, parser_.head_bytes());
        account_ += "body ";
        in_body_ = request_.has_body();
        if (!in_body_) parser_.reset(kLimits, request_);
        return true;
    }

    bool read_body() {
        if (unread_.empty()) return false;
        std::string_view chunk;
        const Event event = parser_.parse_body(unread_, chunk);
        if (event == Event::error) failed_ = true;
        else account_ += chunk;
        if (failed_ || event == Event::need_more) {
            unread_.clear();
            return false;
        }
        unread_.erase(0, parser_.consumed());
        if (event == Event::message_complete) {
            in_body_ = false;
            account_ += " end ";
            parser_.reset(kLimits, request_);
        }
        return true;
    }

    RequestParser parser_;
    Request request_;
    std::string unread_;
    std::string account_;
    bool in_body_ = false;
    bool failed_ = false;
};

std::string account_of(std::string_view bytes, std::size_t piece_bytes) {
    Reader reader;
    while (!bytes.empty()) {
        const std::string_view piece = bytes.substr(0, piece_bytes);
        bytes.remove_prefix(piece.size());
        reader.feed(piece);
    }
    return reader.account();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::string whole = account_of(bytes, bytes.size() + 1);
    const std::string cut = account_of(bytes, data[0] % 32 + 1U);
    if (whole == cut) return 0;
    std::fprintf(stderr, "in one piece: %s\nin pieces of %u: %s\n", whole.c_str(), data[0] % 32 + 1U, cut.c_str());
    std::abort();
}
