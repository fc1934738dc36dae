// SPDX-License-Identifier: Apache-2.0
#include "server/http/parser.hpp"

#include <algorithm>
#include <utility>

#include "server/http/bytes.hpp"
#include "server/http/target.hpp"
#include "server/http/text.hpp"

namespace spindle::http {

namespace {

// Which bytes a field value may have (RFC 9110 section 5.5): visible, space, tab, obs-text.
bool valid_value(std::string_view value) noexcept {
    const auto doubtful = [](EightBytes bytes) { return bytes.below(0x20) | bytes.equal('\x7f'); };
    if (value.size() >= 8 && clean(value, doubtful)) return true;
    return std::ranges::all_of(value, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= 0x20 ? byte != 0x7f : byte == '\t';
    });
}

// llhttp lets several spaces pass between the parts of a request line (RFC 9112 section 3: exactly one). The
// target has the method before it and the version behind it, so that two bytes on each side are there.
bool single_spaces_around(std::string_view target) noexcept {
    return target.data()[-2] != ' ' && target.data()[target.size() + 1] != ' ';
}

// llhttp knows RTSP and ICE as well. There is a version behind the target.
bool is_http(std::string_view target) noexcept {
    return std::string_view(target.data() + target.size() + 1, 5) == "HTTP/";
}

// llhttp passes over every CR and LF before a request; what is to be ignored there are empty lines (RFC 9112 section 2.2).
bool begins_with_whole_lines(std::string_view head) noexcept {
    for (; head.front() == '\r' || head.front() == '\n'; head.remove_prefix(1)) {
        if (head[0] == '\r' && head[1] != '\n') return false;
    }
    return true;
}

/// Without the empty ones before it.
std::string_view first_line(std::string_view head) noexcept {
    head.remove_prefix(std::min(head.find_first_not_of("\r\n"), head.size()));
    return head.substr(0, head.find('\r'));
}

/// "HTTP/", a digit, a point and a digit, behind a space.
bool ends_with_version(std::string_view line) noexcept {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const std::string_view version = line.substr(line.rfind(' ') + 1);
    return version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) && version[6] == '.' &&
           is_digit(version[7]);
}

// A span that may come in adjacent pieces.
void extend(std::string_view& view, const char* at, std::size_t length) noexcept {
    view = view.data() != nullptr && view.data() + view.size() == at
               ? std::string_view(view.data(), view.size() + length)
               : std::string_view(at, length);
}

Method method_of(const llhttp_t& llhttp) noexcept {
    switch (llhttp.method) {
        case HTTP_GET: return Method::get;
        case HTTP_HEAD: return Method::head;
        case HTTP_POST: return Method::post;
        case HTTP_PUT: return Method::put;
        case HTTP_DELETE: return Method::delete_;
        case HTTP_CONNECT: return Method::connect;
        case HTTP_OPTIONS: return Method::options;
        case HTTP_TRACE: return Method::trace;
        case HTTP_PATCH: return Method::patch;
        default: return Method::other;
    }
}

}  // namespace

// ---- what llhttp calls

struct RequestParser::Callbacks {
    static RequestParser& self(llhttp_t* llhttp) noexcept { return *static_cast<RequestParser*>(llhttp->data); }

    static int on_url(llhttp_t* llhttp, const char* at, std::size_t length) {
        RequestParser& parser = self(llhttp);
        extend(parser.request_->target, at, length);
        // Counted, since the view holds only what came last when the bytes have moved meanwhile.
        parser.target_bytes_ += static_cast<std::uint32_t>(length);
        return parser.target_bytes_ > parser.limits_->target_bytes ? parser.refuse(ParseError::target_too_long) : 0;
    }

    static int on_header_field(llhttp_t* llhttp, const char* at, std::size_t length) {
        RequestParser& parser = self(llhttp);
        if (parser.in_body_) return parser.count_overhead(length);
        auto& fields = parser.request_->fields;
        if (fields.empty() || parser.name_complete_) {
            if (fields.size() >= parser.limits_->header_count) return parser.refuse(ParseError::too_many_fields);
            fields.emplace_back();
            parser.name_complete_ = false;
        }
        extend(fields.back().name, at, length);
        return 0;
    }

    static int on_header_field_complete(llhttp_t* llhttp) {
        RequestParser& parser = self(llhttp);
        parser.name_complete_ = true;
        if (!parser.in_body_) return 0;
        return ++parser.trailers_ > parser.limits_->header_count ? parser.refuse(ParseError::too_many_fields) : 0;
    }

    static int on_header_value(llhttp_t* llhttp, const char* at, std::size_t length) {
        RequestParser& parser = self(llhttp);
        if (parser.in_body_) return parser.count_overhead(length);
        extend(parser.request_->fields.back().value, at, length);
        return 0;
    }

    static int on_headers_complete(llhttp_t* llhttp) {
        llhttp->upgrade = 0;  // an Upgrade that is not taken up is ignored (RFC 9110 section 7.8)
        return HPE_PAUSED;
    }

    static int on_chunk_header(llhttp_t* llhttp) {
        RequestParser& parser = self(llhttp);
        parser.overhead_bytes_ = 0;
        // Known before the data comes: a chunk that will pass the limit is refused at once.
        return llhttp->content_length > parser.limits_->body_bytes - parser.body_bytes_
                   ? parser.refuse(ParseError::body_too_large)
                   : 0;
    }

    static int on_chunk_extension_name(llhttp_t* llhttp, const char*, std::size_t length) {
        self(llhttp).extension_named_ = length > 0 || self(llhttp).extension_named_;
        return self(llhttp).count_overhead(length);
    }

    static int on_chunk_extension_name_complete(llhttp_t* llhttp) {
        const bool named = std::exchange(self(llhttp).extension_named_, false);
        return named ? 0 : self(llhttp).refuse(ParseError::malformed);
    }

    static int on_chunk_extension_value(llhttp_t* llhttp, const char*, std::size_t length) {
        self(llhttp).extension_valued_ = length > 0 || self(llhttp).extension_valued_;
        return self(llhttp).count_overhead(length);
    }

    static int on_chunk_extension_value_complete(llhttp_t* llhttp) {
        const bool valued = std::exchange(self(llhttp).extension_valued_, false);
        return valued ? 0 : self(llhttp).refuse(ParseError::malformed);
    }

    static int on_body(llhttp_t* llhttp, const char* at, std::size_t length) {
        RequestParser& parser = self(llhttp);
        parser.body_bytes_ += length;
        std::string_view& chunk = *parser.chunk_;
        // At the end of the bytes llhttp stops by itself, or goes on to on_message_complete.
        const bool ends = at + length == chunk.data() + chunk.size();
        chunk = {at, length};
        return ends ? HPE_OK : HPE_PAUSED;
    }

    static int on_message_complete(llhttp_t* llhttp) {
        self(llhttp).message_complete_ = true;
        return HPE_PAUSED;
    }

    static const llhttp_settings_t& settings() noexcept {
        static const llhttp_settings_t table = [] {
            llhttp_settings_t made;
            llhttp_settings_init(&made);
            made.on_url = on_url;
            made.on_header_field = on_header_field;
            made.on_header_field_complete = on_header_field_complete;
            made.on_header_value = on_header_value;
            made.on_headers_complete = on_headers_complete;
            made.on_chunk_header = on_chunk_header;
            made.on_chunk_extension_name = on_chunk_extension_name;
            made.on_chunk_extension_name_complete = on_chunk_extension_name_complete;
            made.on_chunk_extension_value = on_chunk_extension_value;
            made.on_chunk_extension_value_complete = on_chunk_extension_value_complete;
            made.on_body = on_body;
            made.on_message_complete = on_message_complete;
            return made;
        }();
        return table;
    }
};

RequestParser::RequestParser() noexcept { llhttp_init(&llhttp_, HTTP_REQUEST, &Callbacks::settings()); }

void RequestParser::reset(const Limits& limits, Request& request) noexcept {
    limits_ = &limits;
    request_ = &request;
    request.forget();
    body_bytes_ = body_consumed_ = 0;
    restart();
}

void RequestParser::restart() noexcept {
    llhttp_reset(&llhttp_);
    llhttp_.data = this;
    request_->fields.clear();
    request_->target = {};
    head_bytes_ = 0;
    target_bytes_ = 0;
    overhead_bytes_ = 0;
    trailers_ = 0;
    in_body_ = name_complete_ = extension_named_ = extension_valued_ = message_complete_ = refused_ = false;
}

int RequestParser::refuse(ParseError error) noexcept {
    refused_ = true;
    error_ = error;
    return HPE_USER;
}

int RequestParser::count_overhead(std::size_t bytes) noexcept {
    overhead_bytes_ += static_cast<std::uint32_t>(bytes);
    return overhead_bytes_ > limits_->header_bytes ? refuse(ParseError::head_too_large) : 0;
}

Event RequestParser::fail(ParseError error) noexcept {
    if (!refused_) error_ = error;
    return Event::error;
}

bool RequestParser::reject(ParseError error) noexcept {
    fail(error);
    return false;
}

// ---- the head

Event RequestParser::parse_head(std::string_view head) {
    const bool from_the_start = head_bytes_ == 0;
    const bool stuck = llhttp_get_errno(&llhttp_) == HPE_INVALID_METHOD;
    Event event = stuck ? Event::error : run_head(head.substr(head_bytes_));
    if (head_bytes_ > limits_->header_bytes) {
        refused_ = false;
        return fail_head(ParseError::head_too_large, from_the_start);
    }
    if (event == Event::error && awaits_line(head)) return Event::need_more;
    if (event == Event::error) return fail_head(error_of_llhttp(head), from_the_start);
    if (event == Event::need_more) return event;
    if (!from_the_start) {  // the views of the earlier parts are stale
        const std::size_t length = head_bytes_;
        restart();
        event = run_head(head.substr(0, length));
        if (event == Event::error) return fail_head(error_of_llhttp(head), true);
    }
    return accept_head(head) ? Event::head_complete : Event::error;
}

// llhttp gives up on a method at the first byte that none has which it knows. Whether it is one at all tells the whole
// line: a token, and at the end the version.
bool RequestParser::awaits_line(std::string_view head) const noexcept {
    if (refused_ || llhttp_get_errno(&llhttp_) != HPE_INVALID_METHOD || head.size() > limits_->header_bytes)
        return false;
    const std::string_view line = first_line(head);
    const std::string_view token = leading_token(line);
    const bool may_be_one = token.size() == line.size() || (!token.empty() && line[token.size()] == ' ');
    return may_be_one && line.data() + line.size() == head.data() + head.size();
}

// The request is still logged: nothing in it may be of the one before, or a view of bytes that have moved.
Event RequestParser::fail_head(ParseError error, bool from_the_start) noexcept {
    Request& request = *request_;
    if (!from_the_start) request.forget();
    else if (!request.target.empty())
        request.method_name = llhttp_method_name(static_cast<llhttp_method_t>(llhttp_.method));
    return fail(error);
}

Event RequestParser::run_head(std::string_view unread) {
    const llhttp_errno_t status = llhttp_execute(&llhttp_, unread.data(), unread.size());
    if (status == HPE_OK) {
        head_bytes_ += static_cast<std::uint32_t>(unread.size());
        return Event::need_more;
    }
    head_bytes_ += static_cast<std::uint32_t>(llhttp_get_error_pos(&llhttp_) - unread.data());
    return status == HPE_PAUSED ? Event::head_complete : Event::error;
}

// llhttp gives up on a version that it does not know; whether it is one at all decides.
ParseError RequestParser::error_of_llhttp(std::string_view head) const noexcept {
    const std::string_view line = first_line(head);
    switch (llhttp_get_errno(&llhttp_)) {
        case HPE_INVALID_VERSION:
            return ends_with_version(line) ? ParseError::unsupported_version : ParseError::malformed;
        case HPE_INVALID_METHOD: {
            const std::string_view token = leading_token(line);
            const bool is_request =
                !token.empty() && line.substr(token.size()).starts_with(' ') && ends_with_version(line);
            return is_request ? ParseError::unknown_method : ParseError::malformed;
        }
        default: return ParseError::malformed;
    }
}

bool RequestParser::accept_head(std::string_view head) {
    Request& request = *request_;
    request.method = method_of(llhttp_);
    request.method_name = request.method == Method::other
                              ? llhttp_method_name(static_cast<llhttp_method_t>(llhttp_.method))
                              : to_string(request.method);
    request.version_minor = llhttp_.http_minor;
    // To llhttp what keeps a connection of HTTP/1.0 goes before what closes it (RFC 9112 section 9.3: the other way).
    request.keep_alive = llhttp_should_keep_alive(&llhttp_) != 0 && (llhttp_.flags & F_CONNECTION_CLOSE) == 0;
    request.host = {};
    const bool known_version = llhttp_.http_major == 1 && llhttp_.http_minor <= 1;
    if (!known_version) return reject(ParseError::unsupported_version);
    if (!single_spaces_around(request.target) || !is_http(request.target) || !begins_with_whole_lines(head))
        return reject(ParseError::malformed);
    for (Field& field : request.fields) {
        field.value = trimmed(field.value);
        if (!valid_value(field.value)) return reject(ParseError::malformed);
    }
    if (request.method == Method::connect) return reject(ParseError::unknown_method);
    if (!accept_fields()) return false;
    return interpret_target(request) || reject(ParseError::malformed);
}

// One pass over the fields that mean something to the server itself.
bool RequestParser::accept_fields() {
    Request& request = *request_;
    request.expects_continue = request.chunked = request.weighs_codings = false;
    request.content_length.reset();
    unsigned hosts = 0;
    for (const Field& field : request.fields) {
        switch (field.name.size()) {
            case 4:
                if (!iequals(field.name, "Host")) break;
                ++hosts;
                request.host = field.value;
                break;
            case 6:
                if (!iequals(field.name, "Expect")) break;
                if (!iequals(field.value, "100-continue")) return reject(ParseError::unknown_expectation);
                request.expects_continue = request.version_minor >= 1;
                break;
            case 14:
                if (iequals(field.name, "Content-Length")) request.content_length = llhttp_.content_length;
                break;
            case 15:
                if (iequals(field.name, "Accept-Encoding") && field.value.contains(';')) request.weighs_codings = true;
                break;
            case 17:
                if (!iequals(field.name, "Transfer-Encoding")) break;
                if (request.version_minor == 0 || request.chunked) return reject(ParseError::malformed);
                if (!iequals(field.value, "chunked")) return reject(ParseError::unknown_coding);
                request.chunked = true;
                break;
            default: break;
        }
    }
    if (hosts > 1 || (hosts == 0 && request.version_minor >= 1) || !accept_host()) {
        return reject(ParseError::malformed);
    }
    if (request.content_length.value_or(0) > limits_->body_bytes) return reject(ParseError::body_too_large);
    return true;
}

// A client that keeps its connection says the same in each request.
bool RequestParser::accept_host() {
    if (request_->host == host_accepted_) return true;
    if (!valid_host(request_->host)) return false;
    if (request_->host.size() <= kHostKeptMax) host_accepted_ = request_->host;
    return true;
}

// ---- the body

Event RequestParser::parse_body(std::string_view bytes, std::string_view& chunk) {
    in_body_ = true;
    chunk = bytes;
    chunk_ = &chunk;
    const std::uint64_t before = body_bytes_;
    if (llhttp_get_errno(&llhttp_) == HPE_PAUSED) llhttp_resume(&llhttp_);
    const llhttp_errno_t status = llhttp_execute(&llhttp_, bytes.data(), bytes.size());
    const std::size_t consumed = status == HPE_OK ? bytes.size() : llhttp_get_error_pos(&llhttp_) - bytes.data();
    if (body_bytes_ == before) chunk = {};
    consumed_ = static_cast<std::uint32_t>(consumed);
    body_consumed_ += consumed_;
    if (body_bytes_ > limits_->body_bytes) return fail(ParseError::body_too_large);
    const std::uint64_t framing = body_consumed_ - body_bytes_;
    if (framing > limits_->header_bytes + kFramingOfAByteMax * body_bytes_) return fail(ParseError::head_too_large);
    if (status != HPE_OK && status != HPE_PAUSED) return fail(ParseError::malformed);
    if (message_complete_) return Event::message_complete;
    return chunk.empty() ? Event::need_more : Event::chunk;
}

// ---- moving

void rebase(Request& request, const char* from, std::size_t bytes, const char* to) noexcept {
    const auto move = [&](std::string_view& view) {
        if (view.data() >= from && view.data() <= from + bytes) view = {to + (view.data() - from), view.size()};
    };
    move(request.target);
    move(request.host);
    move(request.path);
    move(request.query);
    for (Field& field : request.fields) {
        move(field.name);
        move(field.value);
    }
}

}  // namespace spindle::http
