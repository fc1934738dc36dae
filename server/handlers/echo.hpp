// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/pipeline/handler.hpp"

namespace spindle::handlers {

/// The request's body back, as it arrives; at no time is more of it held than one read.
pipeline::task<pipeline::Response> echo(pipeline::Request& request, pipeline::Context& context);

}  // namespace spindle::handlers
