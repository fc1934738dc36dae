// SPDX-License-Identifier: Apache-2.0
#include "server/http/mime.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <istream>
#include <sstream>

namespace spindle::http {

namespace {

struct Row {
    std::string_view extension;  ///< lower case
    std::string_view type;
};

// The IANA registry; where it has none, what browsers expect. Text is UTF-8, which has to be said: without
// a charset browsers guess.
constexpr std::array kTypes = std::to_array<Row>({
    {"3gp", "video/3gpp"},
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"apng", "image/apng"},
    {"atom", "application/atom+xml"},
    {"avi", "video/x-msvideo"},
    {"avif", "image/avif"},
    {"bin", "application/octet-stream"},
    {"bmp", "image/bmp"},
    {"br", "application/x-brotli"},
    {"bz2", "application/x-bzip2"},
    {"c", "text/plain; charset=utf-8"},
    {"cjs", "text/javascript; charset=utf-8"},
    {"conf", "text/plain; charset=utf-8"},
    {"cpp", "text/plain; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"deb", "application/vnd.debian.binary-package"},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"eot", "application/vnd.ms-fontobject"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"geojson", "application/geo+json"},
    {"gif", "image/gif"},
    {"glb", "model/gltf-binary"},
    {"gltf", "model/gltf+json"},
    {"gz", "application/gzip"},
    {"h", "text/plain; charset=utf-8"},
    {"heic", "image/heic"},
    {"hpp", "text/plain; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/vnd.microsoft.icon"},
    {"ics", "text/calendar; charset=utf-8"},
    {"ini", "text/plain; charset=utf-8"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"jsonld", "application/ld+json"},
    {"jxl", "image/jxl"},
    {"log", "text/plain; charset=utf-8"},
    {"m3u8", "application/vnd.apple.mpegurl"},
    {"m4a", "audio/mp4"},
    {"m4v", "video/mp4"},
    {"map", "application/json"},
    {"markdown", "text/markdown; charset=utf-8"},
    {"md", "text/markdown; charset=utf-8"},
    {"mid", "audio/midi"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"mkv", "video/matroska"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpd", "application/dash+xml"},
    {"mpeg", "video/mpeg"},
    {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/ogg"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"rss", "application/rss+xml"},
    {"rtf", "application/rtf"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"toml", "application/toml"},
    {"ts", "video/mp2t"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain; charset=utf-8"},
    {"vtt", "text/vtt; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"weba", "audio/webm"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "application/xml"},
    {"xz", "application/x-xz"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
});
// Strictly: an extension has one row.
static_assert(std::ranges::adjacent_find(kTypes, std::ranges::greater_equal{}, &Row::extension) == kTypes.end());

constexpr std::size_t kExtensionBytesMax = 32;
constexpr std::string_view kUnknown = "application/octet-stream";

/// An extension in lower case.
class Extension {
  public:
    explicit Extension(std::string_view path) noexcept {
        const std::string_view name = path.substr(path.rfind('/') + 1);
        const std::size_t dot = name.rfind('.');
        if (dot == std::string_view::npos || dot == 0) return;
        const std::string_view extension = name.substr(dot + 1);
        if (extension.size() > kExtensionBytesMax) return;
        std::ranges::transform(extension, bytes_.begin(), to_lower);
        size_ = extension.size();
    }
    [[nodiscard]] std::string_view text() const noexcept { return {bytes_.data(), size_}; }

  private:
    static char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
    std::array<char, kExtensionBytesMax> bytes_;
    std::size_t size_ = 0;
};

/// Empty if it is not in the table.
std::string_view known_type(std::string_view extension) noexcept {
    const auto row = std::ranges::lower_bound(kTypes, extension, {}, &Row::extension);
    return row != kTypes.end() && row->extension == extension ? row->type : std::string_view();
}

}  // namespace

void MimeTypes::set(std::string_view extension, std::string_view type) {
    preferred_.insert_or_assign(std::string(extension), std::string(type));
}

void MimeTypes::read_table(std::istream& table) {
    for (std::string line; std::getline(table, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string type;
        words >> type;
        if (type.find('/') == type.npos) continue;
        if (type.starts_with("text/")) type += "; charset=utf-8";
        for (std::string extension; words >> extension;) others_.try_emplace(extension, type);
    }
}

std::string_view MimeTypes::of(std::string_view path) const noexcept {
    const Extension extension(path);
    if (!preferred_.empty()) {
        const auto found = preferred_.find(extension.text());
        if (found != preferred_.end()) return found->second;
    }
    const std::string_view known = known_type(extension.text());
    if (!known.empty()) return known;
    const auto found = others_.find(extension.text());
    return found == others_.end() ? kUnknown : found->second;
}

}  // namespace spindle::http
