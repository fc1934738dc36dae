// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace spindle::http {

/// Appends what stands between the quotes of a JSON text (RFC 8259 section 7). Well-formed UTF-8 passes, any other byte
/// becomes \u00HH, so that it is always valid JSON; nothing in it controls a terminal.
void append_json_text(std::string& out, std::string_view text);

}  // namespace spindle::http
