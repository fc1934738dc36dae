// SPDX-License-Identifier: Apache-2.0
#include "runtime/frame_pool.hpp"

#include <pthread.h>

#include <array>
#include <new>
#include <optional>

#include "runtime/sanitizers.hpp"

namespace spindle::runtime {

namespace {

constexpr std::size_t kStep = 16;     // the heap's
constexpr std::size_t kHeapsOwn = 8;  // in front of each piece
constexpr std::size_t kClasses = 64;
constexpr std::size_t kBytesMaxOfAClass = std::size_t{32} * 1024;

#ifdef SPINDLE_ASAN
constexpr bool kPooled = false;  // it is to see what is used after its end
#else
constexpr bool kPooled = true;
#endif

// A class ends where the heap's rounding does.
constexpr std::size_t class_of(std::size_t bytes) noexcept { return (bytes + kHeapsOwn - 1) / kStep; }
constexpr std::size_t bytes_of(std::size_t number) noexcept { return number * kStep + kStep - kHeapsOwn; }

struct Free {
    Free* next;
};

// Not in functions that are inlined where a flow may change its thread: see worker.hpp.
class Pool {
  public:
    void* take(std::size_t number) noexcept { return classes_[number].take(); }
    bool give(void* frame, std::size_t number) noexcept {
        if (state_ != State::open && !open()) [[unlikely]]
            return false;
        return classes_[number].give(frame, kBytesMaxOfAClass / bytes_of(number));
    }

  private:
    enum class State : unsigned char {
        unused,
        open,
        closed,  ///< the thread ends: what is freed by then goes to the heap
    };

    // It has no destructor: to register one for a thread allocates, and ends the process where there is no memory.
    [[gnu::noinline, gnu::cold]] bool open() noexcept {
        static const std::optional<pthread_key_t> at_thread_end = [] {
            pthread_key_t key{};
            const bool made = ::pthread_key_create(&key, close) == 0;
            return made ? std::optional(key) : std::nullopt;
        }();
        if (state_ == State::unused && at_thread_end && ::pthread_setspecific(*at_thread_end, this) == 0)
            state_ = State::open;
        return state_ == State::open;
    }
    static void close(void* pool) noexcept {
        Pool& self = *static_cast<Pool*>(pool);
        self.state_ = State::closed;
        for (Class& frames : self.classes_) {
            while (void* frame = frames.take()) ::operator delete(frame);
        }
    }

    struct Class {
        Free* first = nullptr;
        unsigned count = 0;

        void* take() noexcept {
            Free* taken = first;
            if (taken == nullptr) return nullptr;
            first = taken->next;
            --count;
            return taken;
        }
        bool give(void* frame, std::size_t max) noexcept {
            if (count >= max) return false;
            first = new (frame) Free{first};
            ++count;
            return true;
        }
    };

    std::array<Class, kClasses> classes_{};
    State state_ = State::unused;
};

constinit thread_local Pool pool;

}  // namespace

void* allocate_frame(std::size_t bytes) {
    const std::size_t number = class_of(bytes);
    if (!kPooled || number >= kClasses) return ::operator new(bytes);
    if (void* frame = pool.take(number)) return frame;
    return ::operator new(bytes_of(number));
}

void free_frame(void* frame, std::size_t bytes) noexcept {
    const std::size_t number = class_of(bytes);
    if (kPooled && number < kClasses && pool.give(frame, number)) return;
    ::operator delete(frame);
}

}  // namespace spindle::runtime
