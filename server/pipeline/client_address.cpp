// SPDX-License-Identifier: Apache-2.0
#include "server/pipeline/client_address.hpp"

#include <algorithm>
#include <optional>

#include "server/http/text.hpp"

namespace spindle::pipeline {
namespace {

using http::kBlank;

/// "http" or "https" of static life, or "".
std::string_view scheme_of(std::string_view text) noexcept {
    if (http::iequals(text, "https")) return "https";
    return http::iequals(text, "http") ? "http" : "";
}

bool is_port(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 5 && text.find_first_not_of("0123456789") == text.npos;
}

/// 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1], [2001:db8::1]:80.
std::optional<PeerAddress> parse_node(std::string_view text) noexcept {
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == text.npos) return std::nullopt;
        const std::string_view host = text.substr(1, end - 1);
        const std::string_view behind = text.substr(end + 1);
        if (!behind.empty() && !(behind.starts_with(':') && is_port(behind.substr(1)))) return std::nullopt;
        return host.find(':') == host.npos ? std::nullopt : PeerAddress::parse(host);
    }
    const std::size_t colon = text.find(':');
    const bool with_port = colon != text.npos && colon == text.rfind(':');
    if (!with_port) return PeerAddress::parse(text);
    return is_port(text.substr(colon + 1)) ? PeerAddress::parse(text.substr(0, colon)) : std::nullopt;
}

/// The way from right to left, walked from left to right, so that a field's quotes are read as they are meant: what
/// stands here at the end is where the other walk would have stopped.
class Walk {
  public:
    Walk(const PeerAddress& peer, const config::Proxies& proxies) noexcept : peer_(peer), proxies_(proxies) {}

    void pass(const PeerAddress& address, std::string_view scheme) noexcept {
        const bool trusted = address.is_in(proxies_.trusted);
        if (trusted && address_) return;
        if (!trusted || scheme_.empty()) scheme_ = scheme;
        address_ = address;
    }
    /// What a trusted proxy says of the scheme is believed, though it does not say who asked.
    void pass_unreadable(std::string_view scheme = {}) noexcept {
        address_.reset();
        scheme_ = scheme;
    }

    [[nodiscard]] Client end() const noexcept { return {address_.value_or(peer_), scheme_}; }

  private:
    const PeerAddress& peer_;
    const config::Proxies& proxies_;
    std::optional<PeerAddress> address_;  ///< none: the next one that can be read
    std::string_view scheme_;
};

// ---- X-Forwarded-For: 203.0.113.7, 10.0.0.1

void walk_list(Walk& walk, std::string_view list) noexcept {
    while (!list.empty()) {
        const std::string_view item = http::take_until(list, ',');
        if (item.empty()) continue;
        if (const auto address = parse_node(item)) walk.pass(*address, "");
        else walk.pass_unreadable();
    }
}

/// Most proxies overwrite the field; where several have added to it, nobody says which hop is whose: then what they
/// agree on counts.
class AgreedScheme {
  public:
    void add(std::string_view list) noexcept {
        while (!list.empty()) {
            const std::string_view scheme = scheme_of(http::take_until(list, ','));
            agreed_ = agreed_ && (!said_ || scheme == scheme_);
            scheme_ = scheme;
            said_ = true;
        }
    }
    [[nodiscard]] std::string_view get() const noexcept { return agreed_ ? scheme_ : std::string_view(); }

  private:
    std::string_view scheme_;
    bool said_ = false;
    bool agreed_ = true;
};

Client by_x_forwarded(const http::Request& request, Walk walk) noexcept {
    AgreedScheme scheme;
    for (const http::Field& field : request.fields) {
        if (http::iequals(field.name, "X-Forwarded-For")) walk_list(walk, field.value);
        else if (http::iequals(field.name, "X-Forwarded-Proto")) scheme.add(field.value);
    }
    Client client = walk.end();
    if (!scheme.get().empty()) client.scheme = scheme.get();
    return client;
}

// ---- Forwarded (RFC 7239): for=203.0.113.7;proto=https, for="[2001:db8::1]:80"

struct Element {
    std::optional<std::string_view> node;
    std::string_view scheme;
    bool given = false;  ///< any parameter: empty elements of a list do not count
    bool twice = false;  ///< a parameter that may be there once
};

/// A token or a quoted string, without the quotes; nothing where there is no end. A backslash stays: no address has one.
std::optional<std::string_view> take_value(std::string_view& text) noexcept {
    if (!text.starts_with('"')) {
        const std::string_view token = text.substr(0, std::min(text.find_first_of(",; \t\""), text.size()));
        text.remove_prefix(token.size());
        return token;
    }
    std::size_t end = 1;
    while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
    if (end >= text.size()) return std::nullopt;
    const std::string_view quoted = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    return quoted;
}

void skip_blank(std::string_view& text) noexcept {
    text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
}

/// Up to the comma behind it or the end of `text`. Nothing if it breaks the grammar.
std::optional<Element> take_element(std::string_view& text) noexcept {
    Element element;
    while (true) {
        skip_blank(text);
        if (text.empty() || text.front() == ',') return element;
        if (text.front() == ';') {
            text.remove_prefix(1);
            continue;
        }
        const std::size_t equals = text.find('=');
        if (equals == text.npos) return std::nullopt;
        const std::string_view name = text.substr(0, equals);
        if (name.empty() || name.find_first_of(",; \t\"") != name.npos) return std::nullopt;
        text.remove_prefix(equals + 1);
        const auto value = take_value(text);
        if (!value) return std::nullopt;
        skip_blank(text);
        if (!text.empty() && text.front() != ',' && text.front() != ';') return std::nullopt;
        element.given = true;
        if (http::iequals(name, "for")) {
            element.twice = element.twice || element.node.has_value();
            element.node = *value;
        } else if (http::iequals(name, "proto")) {
            element.scheme = scheme_of(*value);
        }
    }
}

void walk_elements(Walk& walk, std::string_view list) noexcept {
    while (!list.empty()) {
        const auto element = take_element(list);
        if (!element) return walk.pass_unreadable();  // and so is all that follows
        if (!list.empty()) list.remove_prefix(1);
        if (!element->given) continue;
        const auto address = element->node && !element->twice ? parse_node(*element->node) : std::nullopt;
        if (address) walk.pass(*address, element->scheme);
        else walk.pass_unreadable(element->scheme);
    }
}

Client by_forwarded(const http::Request& request, Walk walk) noexcept {
    for (const http::Field& field : request.fields) {
        if (http::iequals(field.name, "Forwarded")) walk_elements(walk, field.value);
    }
    return walk.end();
}

}  // namespace

Client client_of(const http::Request& request, const PeerAddress& peer, const config::Proxies& proxies) noexcept {
    if (proxies.trusted.empty() || !peer.is_in(proxies.trusted)) return {peer};
    const Walk walk(peer, proxies);
    const bool forwarded = proxies.field == config::ForwardedField::forwarded;
    return forwarded ? by_forwarded(request, walk) : by_x_forwarded(request, walk);
}

}  // namespace spindle::pipeline
