// SPDX-License-Identifier: Apache-2.0
//
// What a handler answers: status, fields, body. The pipeline adds framing (Content-Length or chunked),
// Date, Server and Connection; a handler never sets those. Sans-I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace spindle::http {

/// A file that is read while it is sent.
class FileSource {
  public:
    virtual ~FileSource() = default;
    [[nodiscard]] virtual int descriptor() const noexcept = 0;
    /// False: what was read since the answer began may be of two states of the file.
    [[nodiscard]] virtual bool unchanged() const noexcept = 0;
};

struct FileBody {
    std::shared_ptr<const FileSource> file;  ///< never null
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

/// Pieces of one file with text before each of them.
struct FilePieces {
    struct Piece {
        std::string before;
        std::uint64_t offset = 0;
        std::uint64_t length = 0;
    };
    std::shared_ptr<const FileSource> file;  ///< never null
    std::vector<Piece> pieces;
    std::string end;           ///< behind the last one
    std::uint64_t length = 0;  ///< of everything
};

/// A body made while it is sent; what producing means is the pipeline's (pipeline/handler.hpp derives from it).
class BodyStream {
  public:
    virtual ~BodyStream() = default;
};

/// Bytes that several answers share; never null in a body.
using SharedBytes = std::shared_ptr<const std::string>;

/// std::string_view bodies must have static lifetime; std::string bodies are owned.
using Body = std::variant<std::monostate, std::string_view, std::string, SharedBytes, FileBody,
                          std::unique_ptr<FilePieces>, std::unique_ptr<BodyStream>>;

/// Why a handler refuses, where its status does not say it all.
enum class Cause : std::uint8_t {
    of_status,
    wrong_credentials,
    no_descriptor,  ///< for a file
    no_memory,      ///< the same
};

struct ResponseField {
    std::string name;
    std::string value;
};

struct Response {
    std::uint16_t status = 200;
    std::string_view content_type;      ///< lives as long as the server; empty: no Content-Type
    std::vector<ResponseField> fields;  ///< others, in order; CR, LF and NUL in them make the response a 500
    Body body;
    bool close = false;  ///< end the connection after this response
    Cause cause = Cause::of_status;

    Response& set(std::string_view name, std::string_view value) {
        fields.push_back({std::string(name), std::string(value)});
        return *this;
    }

    /// The first field of that name, case-insensitive.
    [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const noexcept;
    /// Every field of that name.
    void remove(std::string_view name) noexcept;

    static Response text(std::uint16_t status, std::string body) {
        Response response;
        response.status = status;
        response.content_type = "text/plain; charset=utf-8";
        response.body = std::move(body);
        return response;
    }
    /// 503: something is used up for the moment.
    static Response busy(std::string body) {
        Response response = text(503, std::move(body));
        response.set("Retry-After", "1");
        return response;
    }
};

}  // namespace spindle::http
