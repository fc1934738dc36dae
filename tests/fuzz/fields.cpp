// SPDX-License-Identifier: Apache-2.0
//
// Whatever Range, Accept-Encoding and Accept say: ranges lie inside the representation, apart from each other, and are
// few; codings come once, none behind identity, and none out of nothing; of media ranges the closest one counts, with the
// weight that the grammar gives it. The input is a size, then a line of each field.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "server/http/accept.hpp"
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

/// RFC 9110 section 12.4.2, in thousandths; 0 for what is none.
unsigned qvalue(std::string_view text) {
    std::string whole(text);
    if (whole.size() == 1) whole += '.';
    if (whole.size() < 2 || whole.size() > 5) return 0;
    whole.resize(5, '0');
    if (whole == "1.000") return 1000;
    if (!whole.starts_with("0.") || whole.find_first_not_of("0123456789", 2) != whole.npos) return 0;
    return static_cast<unsigned>(std::stoul(whole.substr(2)));
}

void check_accept(std::string_view accept) {
    demand(read_weight(accept) == qvalue(accept), "another weight");
    demand(weight_of_type(accept, "text/html") <= 1000, "more than all");
    const std::string first = "text/html;q=0.25," + std::string(accept);
    demand(weight_of_type(first, "text/html") == 250, "something fits better than the type itself");
    // No line names this one.
    const std::string last = std::string(accept) + ",text/\n;q=0.5";
    demand(weight_of_type(last, "text/\n") == 500, "the type itself does not count behind ranges");
}

std::string_view next_line(std::string_view& text) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::uint64_t bytes = std::uint64_t{data[0]} << (data[1] % 48);
    std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);
    const std::string_view range = next_line(text);
    const std::string_view encoding = next_line(text);
    Request request;
    request.fields = {{"Range", range}, {"Accept-Encoding", encoding}};
    check_ranges(request, bytes);
    check_codings(request);
    check_accept(next_line(text));
    return 0;
}
