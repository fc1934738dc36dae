// SPDX-License-Identifier: Apache-2.0
//
// Loaded into the server under test (LD_PRELOAD): one allocation of so many fails, as if memory had run out. How many is
// the first word of the file that FAILING_ALLOCATIONS names, 0 is none, and whoever tests may change it while the
// server runs; the second word counts what failed. Which ones fail is the same in each run, as far as threads allow it.
// And only THREADS_MAX threads begin, if that is given, as if a limit of the system were reached.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" {
// glibc's own, by the names that nobody takes the place of.
void* __libc_malloc(std::size_t bytes) noexcept;
void* __libc_calloc(std::size_t count, std::size_t bytes) noexcept;
void* __libc_realloc(void* memory, std::size_t bytes) noexcept;
void* __libc_memalign(std::size_t alignment, std::size_t bytes) noexcept;
}

namespace {

struct Control {
    std::atomic<std::uint32_t> one_in;
    std::atomic<std::uint32_t> failed;
};

Control nothing_fails{};
Control* control = &nothing_fails;
std::atomic<std::uint64_t> sequence{0};

[[gnu::constructor]] void open_control() {
    const char* path = std::getenv("FAILING_ALLOCATIONS");
    const int file = path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    void* memory = ::mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ::close(file);
    if (memory != MAP_FAILED) control = static_cast<Control*>(memory);
}

// The numbers are those of SplitMix64.
bool fails() noexcept {
    const std::uint32_t one_in = control->one_in.load(std::memory_order_relaxed);
    if (one_in == 0) return false;
    std::uint64_t number = sequence.fetch_add(0x9e37'79b9'7f4a'7c15U, std::memory_order_relaxed);
    number = (number ^ number >> 30) * 0xbf58'476d'1ce4'e5b9U;
    number = (number ^ number >> 27) * 0x94d0'49bb'1331'11ebU;
    if ((number ^ number >> 31) % one_in != 0) return false;
    control->failed.fetch_add(1, std::memory_order_relaxed);
    errno = ENOMEM;
    return true;
}

bool one_more_thread() noexcept {
    static const char* const most = std::getenv("THREADS_MAX");
    static std::atomic<long> begun{0};
    return most == nullptr || ++begun <= std::atol(most);
}

}  // namespace

extern "C" {

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) {
    static const auto real = reinterpret_cast<decltype(&pthread_create)>(::dlsym(RTLD_NEXT, "pthread_create"));
    return one_more_thread() ? real(thread, attributes, run, argument) : EAGAIN;
}

void* malloc(std::size_t bytes) noexcept { return fails() ? nullptr : __libc_malloc(bytes); }
void* calloc(std::size_t count, std::size_t bytes) noexcept { return fails() ? nullptr : __libc_calloc(count, bytes); }
void* realloc(void* memory, std::size_t bytes) noexcept { return fails() ? nullptr : __libc_realloc(memory, bytes); }
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
    return fails() ? nullptr : __libc_memalign(alignment, bytes);
}

}  // extern "C"
