// SPDX-License-Identifier: Apache-2.0
#include "runtime/reactor/readiness.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <span>

namespace spindle::runtime {

namespace {

constexpr std::uint32_t kEdges = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET;
constexpr std::uint32_t kFinal = EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR;

}  // namespace

Readiness::~Readiness() {
    if (epoll_ >= 0) ::close(epoll_);
    if (marker_ >= 0) ::close(marker_);
}

// The ring tells by its level: what overflowed, or was left for the next poll, is told again. Of the eventfd each write
// is an edge, so that nobody has to read it.
Result<void> Readiness::open(int ring, int wake) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    marker_ = ::eventfd(0, EFD_CLOEXEC);
    if (epoll_ < 0 || marker_ < 0) return last_failure();
    epoll_event completions{.events = EPOLLIN, .data = {.ptr = nullptr}};
    epoll_event wakes{.events = EPOLLIN | EPOLLET, .data = {.ptr = this}};
    epoll_event marks{.events = EPOLLIN | EPOLLET, .data = {.ptr = &marker_}};
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, ring, &completions) != 0 ||
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake, &wakes) != 0 ||
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, marker_, &marks) != 0)
        return last_failure();
    // A kernel, or who filters its calls, may know epoll and not this: better to learn it now.
    const timespec not_at_all{};
    if (::epoll_pwait2(epoll_, events_.data(), 1, &not_at_all, nullptr) < 0) return last_failure();
    return {};
}

// ---- sockets

Result<Readiness::Place*> Readiness::enter(int socket, bool always) noexcept {
    Place* place = free_place();
    if (place == nullptr) return failure(ENOMEM);
    epoll_event edges{.events = kEdges, .data = {.ptr = place}};
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &edges) != 0) {
        const int error = io_error();
        leave(*place);
        return failure(error);
    }
    if (always) place->word_.store(kAlways, std::memory_order_relaxed);
    return place;
}

Readiness::Place* Readiness::free_place() noexcept {
    if (free_ == nullptr) free_ = left_.exchange(nullptr, std::memory_order_acquire);
    if (free_ != nullptr) {
        Place& place = *free_;
        free_ = reinterpret_cast<Place*>(word(place) & ~kFlags);  // NOLINT: flags share its word
        place.word_.store(0, std::memory_order_relaxed);
        return &place;
    }
    try {
        return &places_.emplace_back();
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

// A closed socket has left the kernel's list by itself.
void Readiness::leave(Place& place, std::optional<int> socket) noexcept {
    if (socket) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, *socket, nullptr);
    Place* head = left_.load(std::memory_order_relaxed);
    do {
        // The owner may add flags to it meanwhile: they are nothing to whoever gets it.
        place.word_.store(reinterpret_cast<std::uintptr_t>(head) | kLeft, std::memory_order_relaxed);
    } while (!left_.compare_exchange_weak(head, &place, std::memory_order_release, std::memory_order_relaxed));
}

void Readiness::ask_again(Place& place, int socket) noexcept {
    epoll_event edges{.events = kEdges, .data = {.ptr = &place}};
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, socket, &edges);
}

// ---- events

void Readiness::look(std::optional<std::chrono::nanoseconds> timeout) noexcept {
    if (untold() > 0) return;
    timespec limit{};
    if (timeout) {
        limit.tv_sec = static_cast<time_t>(timeout->count() / 1'000'000'000);
        limit.tv_nsec = static_cast<long>(timeout->count() % 1'000'000'000);
    }
    const int seen = ::epoll_pwait2(epoll_, events_.data(), kEventsMax, timeout ? &limit : nullptr, nullptr);
    CHECK_THAT(seen >= 0 || io_error() == EINTR);
    told_ = 0;
    count_ = 0;
    undated_ = seen >= 0;
    if (seen < 0) return;
    full_ = static_cast<unsigned>(seen) == kEventsMax;
    // What is no socket's ends a wait, and is nothing to be told.
    for (const epoll_event& event : std::span(events_).first(static_cast<unsigned>(seen))) {
        if (event.data.ptr == this) woken_ = true;
        else if (event.data.ptr == &marker_) marker_turned_up_ = true;
        else if (event.data.ptr != nullptr) events_[count_++] = event;
    }
}

void Readiness::date(std::uint64_t now) noexcept {
    if (!std::exchange(undated_, false)) return;
    if (std::exchange(marker_turned_up_, false)) {
        marker_under_way_ = false;
        seen_until_ = marked_at_;
    }
    if (!full_) {
        seen_until_ = now;
    } else if (!marker_under_way_) {
        const std::uint64_t one = 1;
        marker_under_way_ = ::write(marker_, &one, sizeof one) == sizeof one;
        marked_at_ = now;
    }
}

unsigned Readiness::tell(unsigned max) noexcept {
    const unsigned count = std::min(max, untold());
    for (unsigned i = 0; i < count; ++i) {
        const epoll_event event = events_[told_++];
        tell(*static_cast<Place*>(event.data.ptr), event.events);
    }
    return count;
}

// Whoever waits waits on this thread, and nobody leaves a place where somebody waits.
void Readiness::tell(Place& place, std::uint32_t events) noexcept {
    const std::uintptr_t flags = kReady | ((events & kFinal) != 0 ? kAlways : 0);
    const std::uintptr_t before = word(place);
    if ((before & kLeft) == 0 && before > kFlags) {
        place.word_.store((before & kAlways) | flags, std::memory_order_relaxed);
        auto* operation = reinterpret_cast<Operation*>(before & ~kFlags);  // NOLINT: as above
        operation->on_complete(*operation, 0, events);
    } else {
        place.word_.fetch_or(flags, std::memory_order_relaxed);
    }
}

bool Readiness::has_events() const noexcept {
    pollfd epoll{.fd = epoll_, .events = POLLIN, .revents = 0};
    return ::poll(&epoll, 1, 0) > 0;
}

}  // namespace spindle::runtime
