// SPDX-License-Identifier: Apache-2.0
//
// Which representation of a file a client gets (RFC 9110 section 12): the file, one that lies encoded beside it, or
// the file encoded while it is sent.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/handlers/file_encoder.hpp"
#include "server/handlers/static_root.hpp"
#include "server/http/coding.hpp"
#include "server/http/mime.hpp"
#include "server/http/request.hpp"

namespace spindle::handlers {

/// What there may be besides the file itself.
struct Offer {
    std::vector<http::Coding> precompressed;
    std::shared_ptr<FileEncoder> encoder;  ///< null: nothing is encoded while it is sent
    std::shared_ptr<const http::MimeTypes> types;
};

struct Representation {
    FilePointer file;
    std::string_view type;                          ///< of the original; as good as the offer
    bool varies = false;                            ///< other clients may get another one
    http::Coding coding = http::Coding::identity;   ///< in which it lies there
    http::Coding send_in = http::Coding::identity;  ///< to be encoded, when it is sent whole
    FileEncoder* encoder = nullptr;                 ///< for that; the offer's
    bool only_encoded = false;                      ///< the client refuses what is in no coding
};

/// The file itself, if nobody can get anything else.
[[nodiscard]] std::optional<Representation> only_representation(const Offer& offer, std::string_view path,
                                                                FilePointer original);

/// The best one for the client; if it refuses all there is, the file itself, which the pipeline will not send it. May
/// suspend; all but `original` must stay until then.
[[nodiscard]] runtime::task<Representation> choose_representation(const StaticRoot& root, const Offer& offer,
                                                                  const http::Request& request, const std::string& path,
                                                                  FilePointer original);

}  // namespace spindle::handlers
