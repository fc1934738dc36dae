// SPDX-License-Identifier: Apache-2.0
#include "server/http/coding.hpp"

#include <algorithm>

#include "server/http/accept.hpp"
#include "server/http/text.hpp"

namespace spindle::http {
namespace {

constexpr std::array<std::string_view, 4> kNames{"identity", "gzip", "br", "zstd"};

unsigned weight_of(std::string_view parameters) noexcept {
    if (parameters.empty()) return 1000;
    std::string_view name = take_until(parameters, '=');
    return iequals(name, "q") ? read_weight(trimmed(parameters)) : 0;
}

/// What the client said about each coding; said twice, the lower weight counts.
class Weights {
  public:
    void read(std::string_view list) noexcept {
        while (!list.empty()) {
            std::string_view item = take_until(list, ',');
            const std::string_view name = take_until(item, ';');
            if (name.empty()) continue;
            const unsigned weight = weight_of(item);
            if (name == "*") lower(any_, weight);
            else if (const auto coding = coding_of(name)) lower(said_[static_cast<std::size_t>(*coding)], weight);
        }
    }

    [[nodiscard]] unsigned of(Coding coding) const noexcept {
        if (const auto& said = said_[static_cast<std::size_t>(coding)]) return *said;
        if (any_) return *any_;
        return coding == Coding::identity ? kUnsaid : 0;
    }

  private:
    /// Accepted, but after anything that was named.
    static constexpr unsigned kUnsaid = 1;

    static void lower(std::optional<unsigned>& into, unsigned weight) noexcept {
        into = into ? std::min(*into, weight) : weight;
    }

    std::array<std::optional<unsigned>, kNames.size()> said_{};
    std::optional<unsigned> any_;
};

}  // namespace

std::string_view to_string(Coding coding) noexcept { return kNames[static_cast<std::size_t>(coding)]; }

std::optional<Coding> coding_of(std::string_view name) noexcept {
    if (iequals(name, "x-gzip")) return Coding::gzip;
    const auto found = std::ranges::find_if(kNames, [&](std::string_view known) { return iequals(name, known); });
    if (found == kNames.end()) return std::nullopt;
    return static_cast<Coding>(found - kNames.begin());
}

std::vector<Coding> codings_of(std::span<const std::string> names) {
    std::vector<Coding> codings;
    for (const std::string& name : names) {
        if (const auto coding = coding_of(name)) codings.push_back(*coding);
    }
    return codings;
}

Codings acceptable(const Request& request, std::span<const Coding> offered) noexcept {
    Weights weights;
    for (const Field& field : request.fields) {  // several lines are one list (section 5.3)
        if (iequals(field.name, "accept-encoding")) weights.read(field.value);
    }
    const unsigned identity = weights.of(Coding::identity);
    Codings result;
    // At most three, so the next best is looked for each time.
    const auto taken = [&](Coding coding) { return std::ranges::find(result, coding) != result.end(); };
    while (true) {
        unsigned best = 0;
        Coding next = Coding::identity;
        for (const Coding coding : offered) {
            const unsigned weight = weights.of(coding);
            if (weight > best && weight >= identity && !taken(coding)) {
                best = weight;
                next = coding;
            }
        }
        if (best == 0) break;
        result.add(next);
    }
    if (identity > 0) result.add(Coding::identity);
    return result;
}

}  // namespace spindle::http
