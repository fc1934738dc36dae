// SPDX-License-Identifier: Apache-2.0
#include "runtime/scope.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

#include "runtime/reactor/reactor.hpp"
#include "runtime/sync/sync_wait.hpp"
#include "runtime/worker.hpp"

namespace spindle::runtime {

namespace {

std::int64_t now_ns() noexcept { return std::chrono::nanoseconds(Scope::Clock::now().time_since_epoch()).count(); }

}  // namespace

/// On its way to the reactor that owns the wait. Outlives a scope that ends meanwhile.
struct Scope::Message : Post {
    std::mutex mutex;
    Scope* scope;                   // by mutex; null: it ended
    std::shared_ptr<Message> self;  // until delivered

    static void arrive(Post& post, Reactor& home) noexcept {
        Message& message = static_cast<Message&>(post);
        const std::shared_ptr<Message> kept = std::move(message.self);
        Wait* wait = nullptr;
        {
            std::lock_guard lock(message.mutex);
            if (message.scope == nullptr) return;
            std::lock_guard scope_lock(message.scope->mutex_);
            if (message.scope->home_ == &home) wait = message.scope->wait_;
            if (wait != nullptr && !wait->scheduled()) wait = nullptr;  // it ends already
        }
        // Nobody but the home's owner, this thread, can end it in between.
        if (wait != nullptr) home.end_wait(*wait);
    }
};

Scope::Scope() noexcept : outer_(current_worker().scope()) { current_worker().set_scope(this); }

Scope::~Scope() {
    current_worker().set_scope(outer_);
    if (home_ == nullptr) return;  // nothing was waited for: nobody had anything to post
    std::shared_ptr<Message> message;
    {
        std::lock_guard lock(mutex_);
        message = message_;
    }
    if (message == nullptr) return;
    std::lock_guard lock(message->mutex);
    message->scope = nullptr;
}

void Scope::set_deadline(Clock::time_point deadline) noexcept {
    deadline_ = std::max<std::int64_t>(std::chrono::nanoseconds(deadline.time_since_epoch()).count(), 1);
}

std::optional<Scope::Clock::time_point> Scope::deadline() const noexcept {
    if (deadline_ == 0) return std::nullopt;
    return Clock::time_point(std::chrono::nanoseconds(deadline_));
}

int Scope::own_end() const noexcept {
    if (const int code = code_.load(std::memory_order_acquire); code != 0) return code;
    return deadline_ != 0 && now_ns() >= deadline_ ? ETIMEDOUT : 0;
}

int Scope::ended() const noexcept { return refuses(const_cast<Scope*>(this)); }

int Scope::refuses(Scope* scope) noexcept {
    for (; scope != nullptr; scope = scope->outer_) {
        if (const int code = scope->own_end(); code != 0) return code;
    }
    return 0;
}

// ---- cancelling

void Scope::cancel(int code) noexcept { release_all(begin_cancel(code)); }

SyncWait* Scope::begin_cancel(int code) noexcept {
    std::lock_guard lock(mutex_);
    if (code_.load(std::memory_order_relaxed) != 0) return nullptr;
    code_.store(code, std::memory_order_release);
    if (wait_ != nullptr) post_to_home();
    return sync_ != nullptr && sync_->claim(code) ? sync_ : nullptr;
}

// Also when this worker is the home: ended from within a running flow, the wait's flow would run inside it under
// `event_loop`. At most once a scope: later waits do not begin. Without memory for it this one goes on to its own end.
void Scope::post_to_home() noexcept {
    try {
        message_ = std::make_shared<Message>();
    } catch (const std::bad_alloc&) {
        return;
    }
    message_->deliver = Message::arrive;
    message_->scope = this;
    message_->self = message_;
    home_->post(*message_);
}

// ---- waits

int Scope::note(Wait* wait, SyncWait* sync) noexcept {
    if (first_wait_ != nullptr) std::exchange(first_wait_, nullptr)(first_wait_with_);
    std::lock_guard lock(mutex_);
    const int code = code_.load(std::memory_order_relaxed);
    if (code != 0 && wait != nullptr) return code;
    wait_ = wait;
    sync_ = sync;
    home_ = &current_worker().reactor();
    return code;
}

int Scope::begin_wait(Scope* scope, Wait& wait) noexcept {
    for (Scope* each = scope; each != nullptr; each = each->outer_) {
        const int code = each->note(&wait, nullptr);
        if (code == 0) continue;
        end_wait(scope);
        return code;
    }
    return 0;
}

int Scope::begin_wait(Scope* scope, SyncWait& wait) noexcept {
    int ended = 0;
    for (; scope != nullptr; scope = scope->outer_) {
        const int code = scope->note(nullptr, &wait);
        if (ended == 0) ended = code;
    }
    return ended;
}

void Scope::end_wait(Scope* scope) noexcept {
    for (; scope != nullptr; scope = scope->outer_) {
        std::lock_guard lock(scope->mutex_);
        scope->wait_ = nullptr;
        scope->sync_ = nullptr;
    }
}

std::chrono::nanoseconds Scope::limit(const Scope* scope, std::chrono::nanoseconds timeout, bool& cut) noexcept {
    cut = false;
    std::int64_t now = 0;
    for (; scope != nullptr; scope = scope->outer_) {
        if (scope->deadline_ == 0) continue;
        if (now == 0) now = now_ns();
        const std::chrono::nanoseconds left(std::max<std::int64_t>(scope->deadline_ - now, 1));
        if (timeout.count() != 0 && timeout <= left) continue;
        timeout = left;
        cut = true;
    }
    return timeout;
}

}  // namespace spindle::runtime
