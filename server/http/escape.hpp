// SPDX-License-Identifier: Apache-2.0
//
// Text of strangers, made fit for where it is shown: nothing in it ends a line or a string, or controls a terminal.
#pragma once

#include <string>
#include <string_view>

namespace spindle::http {

/// Appends what stands between the quotes of a JSON text (RFC 8259 section 7). Well-formed UTF-8 passes, any other byte
/// becomes \u00HH, so that it is always valid JSON.
void append_json_text(std::string& out, std::string_view text);

/// As nginx does in its logs: quotes, backslashes, control bytes and all bytes above ASCII become \xHH, no text "-".
void append_log_text(std::string& out, std::string_view text);

}  // namespace spindle::http
