// SPDX-License-Identifier: Apache-2.0
#include "server/http/response.hpp"

#include <unistd.h>

namespace spindle::http {

FileBody::~FileBody() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace spindle::http
