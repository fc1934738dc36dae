// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/representation.hpp"

#include "server/handlers/precompressed.hpp"

namespace spindle::handlers {

std::optional<Representation> only_representation(const Offer& offer, std::string_view path, FilePointer original) {
    Representation only{.file = std::move(original), .type = offer.types->of(path)};
    if (!offer.precompressed.empty()) return std::nullopt;
    if (offer.encoder != nullptr && offer.encoder->fits(only.type, *only.file)) return std::nullopt;
    return only;
}

runtime::task<Representation> choose_representation(const StaticRoot& root, const Offer& offer,
                                                    const http::Request& request, const std::string& path,
                                                    FilePointer original) {
    Representation chosen{.file = std::move(original), .type = offer.types->of(path)};
    if (!offer.precompressed.empty()) {
        chosen.varies = true;
        const http::Codings accepted = http::acceptable(request, offer.precompressed);
        auto encoded = co_await find_encoded(root, path, *chosen.file, accepted);
        if (encoded) {
            chosen.file = std::move(encoded->file);
            chosen.coding = encoded->coding;
            co_return chosen;
        }
    }
    if (offer.encoder != nullptr && offer.encoder->fits(chosen.type, *chosen.file)) {
        chosen.varies = true;
        const http::Codings accepted = http::acceptable(request, offer.encoder->codings());
        if (!accepted.empty()) chosen.send_in = accepted.best();
        chosen.encoder = offer.encoder.get();
    }
    chosen.only_encoded = http::refuses_identity(request);
    co_return chosen;
}

}  // namespace spindle::handlers
