// SPDX-License-Identifier: Apache-2.0
//
// What bounds a handler's waits. Part of connection.cpp; included there only.
#pragma once

#include "runtime/scope.hpp"
#include "server/pipeline/connection.hpp"
#include "server/pipeline/server.hpp"

namespace spindle::pipeline {

/// What a handler waits in: cancelled when the client goes away, which is watched from its first wait on.
template <class Stream>
class Connection<Stream>::WatchedScope {
  public:
    WatchedScope(Connection& connection, runtime::Heed heed) noexcept : connection_(connection), heed_(heed) {
        scope.on_first_wait(watch, this);
    }
    ~WatchedScope() { connection_.stream_.unwatch_peer(); }
    WatchedScope(const WatchedScope&) = delete;
    WatchedScope& operator=(const WatchedScope&) = delete;

    runtime::Scope scope;

  private:
    static void watch(void* self) noexcept {
        auto& watched = *static_cast<WatchedScope*>(self);
        Connection& connection = watched.connection_;
        connection.stream_.watch_peer(watched.scope, watched.heed_, connection.server_.config().timeouts.half_closed);
    }

    Connection& connection_;
    const runtime::Heed heed_;
};

}  // namespace spindle::pipeline
