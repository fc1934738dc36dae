// SPDX-License-Identifier: Apache-2.0
#include "server/http/multipart.hpp"

namespace spindle::http {

std::string content_range(const ByteRange& range, std::uint64_t size) {
    return "bytes " + std::to_string(range.first) + "-" + std::to_string(range.last) + "/" + std::to_string(size);
}

Multipart multipart_of(std::span<const ByteRange> ranges, std::string_view type, std::uint64_t size,
                       std::string_view boundary) {
    Multipart result;
    result.content_type = "multipart/byteranges; boundary=";
    result.content_type += boundary;
    for (const ByteRange& range : ranges) {
        std::string head = result.heads.empty() ? "--" : "\r\n--";
        head += boundary;
        if (!type.empty()) head.append("\r\nContent-Type: ").append(type);
        head.append("\r\nContent-Range: ").append(content_range(range, size)).append("\r\n\r\n");
        result.length += head.size() + range.size();
        result.heads.push_back(std::move(head));
    }
    result.end.append("\r\n--").append(boundary).append("--\r\n");
    result.length += result.end.size();
    return result;
}

}  // namespace spindle::http
