// SPDX-License-Identifier: Apache-2.0
//
// Whatever Range and Accept-Encoding say: ranges lie inside the representation, apart from each other, and are few;
// codings come once, none behind identity, and none out of nothing. The input is a size, a line of one field and a line of the other.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "server/http/coding.hpp"
#include "server/http/multipart.hpp"
#include "server/http/range.hpp"

namespace {

using namespace spindle::http;

void demand(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

void check_ranges(const Request& request, std::uint64_t size) {
    const RangeDecision decision = decide_range(request, size, "\"v1\"", 784111777);
    demand(decision.kind == RangeKind::partial || decision.kind == RangeKind::unsatisfiable || decision.ranges.empty(),
           "ranges of a whole");
    if (decision.kind != RangeKind::partial) return;
    demand(!decision.ranges.empty() && decision.ranges.size() <= kRangesMax, "none or too many");
    std::uint64_t sum = 0;
    for (const ByteRange& range : decision.ranges) {
        demand(range.first <= range.last && range.last < size, "outside");
        for (const ByteRange& other : decision.ranges) {
            demand(&other == &range || other.last < range.first || range.last < other.first, "overlapping");
        }
        sum += range.size();
    }
    demand(sum <= size, "more than there is");
    const Multipart multipart = multipart_of(decision.ranges, "text/plain", size, "edge");
    std::uint64_t length = sum + multipart.end.size();
    for (const std::string& head : multipart.heads) length += head.size();
    demand(multipart.length == length, "a wrong length");
}

void check_codings(const Request& request) {
    constexpr std::array kOffered{Coding::br, Coding::zstd, Coding::gzip};
    unsigned seen = 0;
    for (const Coding coding : acceptable(request, kOffered)) {
        const unsigned bit = 1U << static_cast<unsigned>(coding);
        demand((seen & bit) == 0, "a coding twice");
        demand((seen & 1U) == 0, "a coding behind identity");
        seen |= bit;
        const std::string_view said = request.fields[1].value;
        demand(coding == Coding::identity || said.find('*') != said.npos || said.size() >= 2,
               "a coding out of nothing");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::uint64_t bytes = std::uint64_t{data[0]} << (data[1] % 48);
    const std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);
    const std::string_view range = text.substr(0, text.find('\n'));
    Request request;
    request.fields = {{"Range", range}, {"Accept-Encoding", text.substr(std::min(range.size() + 1, text.size()))}};
    check_ranges(request, bytes);
    check_codings(request);
    return 0;
}
