// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/basic_auth.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <mutex>
#include <utility>
#include <vector>

#include <crypt.h>
#include <resolv.h>

#include <fmt/format.h>

#include "runtime/io.hpp"
#include "runtime/sync.hpp"
#include "server/http/request.hpp"

namespace spindle::handlers {

using pipeline::Context;
using pipeline::Request;
using pipeline::Response;
using pipeline::task;
using Clock = std::chrono::steady_clock;

namespace {

/// Verified once, a user's credentials are good for that long without being hashed again: a page has fifty parts, and
/// a hash may take a quarter of a second.
constexpr std::chrono::seconds kVerifiedFor{60};

/// At once, in a process. More would take CPUs from those who are served.
constexpr std::uint64_t kHashesAtOnce = 2;

constexpr std::size_t kCredentialsMax = 512;

/// crypt(5): what is slow to guess.
constexpr std::array<std::string_view, 7> kMethods{"$2a$", "$2b$", "$2y$", "$y$", "$7$", "$6$", "$5$"};

/// In a time that does not tell where they differ.
bool equal(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    unsigned char difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
    return difference == 0;
}

bool hashes_to(const std::string& password, const std::string& hash) {
    const auto data = std::make_unique<crypt_data>();
    const char* made = ::crypt_r(password.c_str(), hash.c_str(), data.get());
    const bool same = made != nullptr && equal(made, hash);
    ::explicit_bzero(data.get(), sizeof *data);
    return same;
}

struct Credentials {
    std::string user;
    std::string password;
};

/// Of an Authorization field (RFC 7617 section 2); nothing if it has none that could be right.
std::optional<Credentials> credentials_in(std::string_view field) {
    constexpr std::string_view kScheme = "Basic ";
    if (field.size() > kCredentialsMax || !http::iequals(field.substr(0, kScheme.size()), kScheme)) return {};
    const std::string encoded(field.substr(kScheme.size()));
    std::array<unsigned char, kCredentialsMax> decoded{};
    const int bytes = ::b64_pton(encoded.c_str(), decoded.data(), decoded.size());
    if (bytes < 0) return {};
    const std::string_view text(reinterpret_cast<const char*>(decoded.data()), static_cast<std::size_t>(bytes));
    const std::size_t colon = text.find(':');
    if (colon == text.npos || text.find('\0') != text.npos) return {};
    return Credentials{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

struct User {
    std::string name;
    std::string hash;
    std::string verified;  ///< password; by Users' mutex, as is the next
    Clock::time_point verified_at{};
};

}  // namespace

class Users {
  public:
    explicit Users(std::vector<User> users) : users_(std::move(users)) {}

    /// Whose these are, a name as good as this object; null: nobody's; 503 where that cannot be found out now.
    task<std::expected<const std::string*, Response>> verify(const Credentials& given) {
        using Answer = std::expected<const std::string*, Response>;
        User* const user = find(given.user);
        if (user != nullptr && was_verified(*user, given.password)) co_return Answer(&user->name);
        // Who is no user takes as long as who is one.
        const std::string hash = user == nullptr ? users_.front().hash : user->hash;
        const runtime::Result<void> place = co_await hashing_.acquire();
        if (!place) co_return Answer(std::unexpect, pipeline::unfinished(place.error()));
        const Place held{hashing_};
        auto hash_it = [&given, &hash] { return hashes_to(given.password, hash); };
        const auto same = co_await runtime::blocking(hash_it);
        if (!same) co_return Answer(std::unexpect, Response::busy("too much to do to look at passwords\n"));
        if (user == nullptr || !*same) co_return Answer(nullptr);
        remember(*user, given.password);
        co_return Answer(&user->name);
    }

  private:
    /// Also when there is no memory for a hash: a place that is never given back would be lost to all.
    struct Place {
        explicit Place(runtime::Semaphore& taken) noexcept : semaphore(taken) {}
        ~Place() { semaphore.release(); }
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        runtime::Semaphore& semaphore;
    };

    User* find(const std::string& name) {
        const auto found = std::ranges::find(users_, name, &User::name);
        return found == users_.end() ? nullptr : &*found;
    }

    bool was_verified(const User& user, const std::string& password) {
        const std::lock_guard lock(mutex_);
        return Clock::now() - user.verified_at < kVerifiedFor && equal(user.verified, password);
    }

    void remember(User& user, const std::string& password) {
        const std::lock_guard lock(mutex_);
        user.verified = password;
        user.verified_at = Clock::now();
    }

    std::vector<User> users_;  // never empty
    std::mutex mutex_;
    runtime::Semaphore hashing_{kHashesAtOnce};
};

std::expected<std::shared_ptr<Users>, std::string> read_users(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::vector<User> users;
    int number = 0;
    const auto mistake = [&](std::string_view what) {
        return std::unexpected(fmt::format("{}:{}: {}", file.string(), number, what));
    };
    for (std::string line; std::getline(stream, line);) {
        ++number;
        if (line.ends_with('\r')) line.pop_back();
        if (line.empty() || line.starts_with('#')) continue;
        const std::size_t colon = line.find(':');
        if (colon == line.npos || colon == 0) return mistake("a line is user:hash");
        User user{line.substr(0, colon), line.substr(colon + 1), {}, {}};
        const bool slow =
            std::ranges::any_of(kMethods, [&](std::string_view method) { return user.hash.starts_with(method); });
        if (!slow || ::crypt_checksalt(user.hash.c_str()) == CRYPT_SALT_INVALID)
            return mistake("the hash is not bcrypt, yescrypt, scrypt or SHA-crypt; make it with htpasswd -B");
        if (std::ranges::find(users, user.name, &User::name) != users.end()) return mistake("that user is there twice");
        users.push_back(std::move(user));
    }
    if (number == 0 && !stream.eof())
        return std::unexpected(fmt::format("{} cannot be read: {}", file.string(), ::strerrordesc_np(errno)));
    if (users.empty()) return std::unexpected(fmt::format("{} has no user in it", file.string()));
    return std::make_shared<Users>(std::move(users));
}

namespace {

task<Response> guarded(const pipeline::Handler& inner, Users& users, const std::string& challenge, Request& request,
                       Context& context) {
    const auto field = request.field("Authorization");
    const auto given = field ? credentials_in(*field) : std::nullopt;
    if (given) {
        auto verifying = users.verify(*given);
        auto verified = co_await verifying;
        if (!verified) co_return std::move(verified.error());
        if (*verified != nullptr) {
            request.user = *verified;
            if (const auto* plain = std::get_if<pipeline::PlainHandler>(&inner)) co_return (*plain)(request, context);
            task<Response> handling = pipeline::coroutine_of(inner)(request, context);
            co_return co_await handling;
        }
    }
    Response refused = Response::text(401, "401 Unauthorized\n");
    refused.set("WWW-Authenticate", challenge);
    if (given) refused.cause = http::Cause::wrong_credentials;
    co_return refused;
}

struct Guard {
    pipeline::Handler inner;
    std::shared_ptr<Users> users;
    std::string challenge;
};

}  // namespace

pipeline::Handler with_basic_auth(pipeline::Handler inner, std::shared_ptr<Users> users, const std::string& realm) {
    std::string quoted;
    for (const char c : realm) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    const auto guard = std::make_shared<const Guard>(std::move(inner), std::move(users),
                                                     fmt::format("Basic realm=\"{}\", charset=\"UTF-8\"", quoted));
    return pipeline::CoroutineHandler([guard](Request& request, Context& context) {
        return guarded(guard->inner, *guard->users, guard->challenge, request, context);
    });
}

}  // namespace spindle::handlers
