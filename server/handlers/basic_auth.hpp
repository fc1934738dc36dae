// SPDX-License-Identifier: Apache-2.0
//
// Basic authentication (RFC 7617) against a file of `user:hash` lines, as htpasswd -B writes it. Hashes are crypt(3)'s
// slow ones only (bcrypt, yescrypt, scrypt, SHA-crypt), and are computed off the loop, few at a time: whoever guesses
// keeps nobody else from being served.
#pragma once

#include <expected>
#include <filesystem>
#include <memory>
#include <string>

#include "server/pipeline/handler.hpp"

namespace spindle::handlers {

class Users;

/// The error is one line with file, line and cause.
[[nodiscard]] std::expected<std::shared_ptr<Users>, std::string> read_users(const std::filesystem::path& file);

/// `inner` for users who say their password; 401 for all others.
[[nodiscard]] pipeline::Handler with_basic_auth(pipeline::Handler inner, std::shared_ptr<Users> users,
                                                const std::string& realm);

}  // namespace spindle::handlers
