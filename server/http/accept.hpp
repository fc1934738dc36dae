// SPDX-License-Identifier: Apache-2.0
//
// How much a client wants of what it says it accepts (RFC 9110 section 12.4.2). Pure.
#pragma once

#include <string_view>

namespace spindle::http {

/// A qvalue, in thousandths; what is none is 0: whoever cannot be understood has not accepted.
[[nodiscard]] unsigned read_weight(std::string_view qvalue) noexcept;

/// Of a media type in an Accept field's value, as "text/html" (section 12.5.1): by the range that fits it best, so that
/// "text/html;q=0, */*" refuses it. An empty field accepts all.
[[nodiscard]] unsigned weight_of_type(std::string_view accept, std::string_view type) noexcept;

}  // namespace spindle::http
