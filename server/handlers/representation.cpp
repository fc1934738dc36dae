// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/representation.hpp"

#include "server/handlers/precompressed.hpp"
#include "server/http/mime.hpp"

namespace spindle::handlers {

using http::Coding;

runtime::task<std::optional<Representation>> choose_representation(const StaticRoot& root, const Offer& offer,
                                                                   const http::Request& request,
                                                                   const std::string& path, OpenFile original) {
    Representation chosen{.file = std::move(original), .type = http::mime_type(path)};
    if (!offer.precompressed.empty()) {
        chosen.varies = true;
        const http::Codings accepted = http::acceptable(request, offer.precompressed);
        auto encoded = co_await find_encoded(root, path, chosen.file, accepted);
        if (encoded) {
            chosen.file = std::move(encoded->file);
            chosen.coding = encoded->coding;
            co_return chosen;
        }
    }
    if (offer.encoder != nullptr && offer.encoder->fits(chosen.type, chosen.file)) {
        chosen.varies = true;
        const http::Codings accepted = http::acceptable(request, offer.encoder->codings());
        if (!accepted.empty()) chosen.send_in = accepted.best();
        chosen.encoder = offer.encoder.get();
    }
    const bool refused = chosen.send_in == Coding::identity && http::acceptable(request, {}).empty();
    if (chosen.varies && refused) co_return std::nullopt;
    co_return chosen;
}

}  // namespace spindle::handlers
