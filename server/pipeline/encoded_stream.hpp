// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "server/http/stream_encoder.hpp"
#include "server/pipeline/handler.hpp"

namespace spindle::pipeline {

/// Each write of `body`'s producer will leave encoded, all of it, before the write ends: nothing is held back for the
/// next one. Long ones are encoded where they hold up nobody. Of a producer that writes nothing, nothing leaves. A body
/// that is not going to be whole lacks its encoding's end too: for a client of HTTP/1.0 nothing else tells it.
void encode_stream(StreamedBody& body, std::shared_ptr<http::StreamEncoder> encoder);

}  // namespace spindle::pipeline
