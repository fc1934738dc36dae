// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/precompressed.hpp"

#include <tuple>

namespace spindle::handlers {
namespace {

const char* suffix_of(http::Coding coding) noexcept {
    switch (coding) {
        case http::Coding::gzip: return ".gz";
        case http::Coding::br: return ".br";
        case http::Coding::zstd: return ".zst";
        case http::Coding::identity: break;
    }
    return "";
}

bool older(const struct stat& file, const struct stat& than) noexcept {
    return std::tie(file.st_mtim.tv_sec, file.st_mtim.tv_nsec) < std::tie(than.st_mtim.tv_sec, than.st_mtim.tv_nsec);
}

}  // namespace

runtime::task<std::optional<EncodedFile>> find_encoded(const StaticRoot& root, const std::string& path,
                                                       const File& original, http::Codings codings) {
    for (const http::Coding coding : codings) {
        if (coding == http::Coding::identity) break;
        const std::string sibling = path + suffix_of(coding);
        auto found = co_await root.find(sibling);
        if (!found || (*found)->is_folder() || older((*found)->status, original.status)) continue;
        co_return EncodedFile{.file = std::move(*found), .coding = coding};
    }
    co_return std::nullopt;
}

}  // namespace spindle::handlers
