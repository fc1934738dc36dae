// SPDX-License-Identifier: Apache-2.0
#include "runtime/overflow_reporter.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "runtime/fiber/stacks.hpp"

namespace spindle::runtime {
namespace {

struct sigaction before{};  // what SIGSEGV did before; written before the handler is installed
std::atomic<AskStackUser> ask_stack_user{nullptr};

/// The stack that the kernel or pthreads gave the thread.
struct ThreadStack {
    std::uintptr_t lowest = 0;
    std::size_t size = 0;
};
__attribute__((tls_model("initial-exec"))) constinit thread_local ThreadStack own_stack{};

ThreadStack stack_of_this_thread() {
    ThreadStack found;
    pthread_attr_t attributes;
    if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return found;
    void* lowest = nullptr;
    if (::pthread_attr_getstack(&attributes, &lowest, &found.size) == 0) {
        found.lowest = reinterpret_cast<std::uintptr_t>(lowest);
    }
    ::pthread_attr_destroy(&attributes);
    return found;
}

// The main thread's stack ends where its limit is or the kernel's gap of 1 MiB before other memory begins; the
// others' in a guard page. Frames touch each page on their way down (-fstack-clash-protection).
bool overflows_the_thread(const void* address) noexcept {
    constexpr std::uintptr_t kGap = 1024 * 1024;
    const auto at = reinterpret_cast<std::uintptr_t>(address);
    return own_stack.size != 0 && at < own_stack.lowest + kGap / 16 && at + kGap >= own_stack.lowest;
}

/// One line, made of what is allowed in a signal handler: no printf.
class Line {
  public:
    Line& operator<<(const char* text) noexcept {
        const std::size_t bytes = std::min(std::strlen(text), sizeof text_ - 1 - length_);
        std::memcpy(text_ + length_, text, bytes);
        length_ += bytes;
        return *this;
    }
    Line& operator<<(std::uint64_t number) noexcept {
        char digits[24];
        char* first = digits + sizeof digits - 1;
        *first = '\0';
        do {
            *--first = static_cast<char>('0' + number % 10);
            number /= 10;
        } while (number != 0);
        return *this << first;
    }
    void write() noexcept {
        text_[length_++] = '\n';
        if (::write(STDERR_FILENO, text_, length_) < 0) return;
    }

  private:
    char text_[512];
    std::size_t length_ = 0;
};

[[noreturn]] void report(std::size_t stack_size, bool of_a_fiber) {
    const AskStackUser ask = ask_stack_user.load(std::memory_order_acquire);
    const StackUser user = ask == nullptr ? StackUser{} : ask();
    Line line;
    line << "spindle: stack overflow in ";
    if (user.flow != 0) line << (of_a_fiber ? "fiber " : "flow ") << user.flow << ", ";
    if (user.route != nullptr) line << "route " << user.route;
    else line << (user.flow != 0 ? "outside of a handler" : "a handler");
    line << ": stack_size = " << stack_size << " bytes, ";
    line << (of_a_fiber ? "raise concurrency.fiber.stack_size" : "the thread's: raise the stack limit (ulimit -s)");
    line.write();
    std::abort();
}

void on_fault(int signal, siginfo_t* info, void*) {
    const bool by_kernel = info->si_code > 0;
    if (by_kernel) {
        if (const std::size_t stack_size = guarded_stack_size(info->si_addr)) report(stack_size, true);
        if (overflows_the_thread(info->si_addr)) report(own_stack.size, false);
    }
    ::sigaction(SIGSEGV, &before, nullptr);
    if (!by_kernel) ::raise(signal);  // sent by somebody: returning would not bring it again
}

}  // namespace

void install_overflow_reporter(AskStackUser ask) {
    ask_stack_user.store(ask, std::memory_order_release);
    struct sigaction present{};
    ::sigaction(SIGSEGV, nullptr, &present);
    if (present.sa_sigaction == on_fault) return;
    (void)guarded_stack_size(nullptr);  // its lazily made page size, outside of the handler
    before = present;
    struct sigaction action{};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGSEGV, &action, nullptr);
}

void report_overflow(std::size_t stack_size) { report(stack_size, true); }

AlternateSignalStack::AlternateSignalStack() {
    own_stack = stack_of_this_thread();
    stack_t present{};
    if (::sigaltstack(nullptr, &present) == 0 && (present.ss_flags & SS_DISABLE) == 0) return;
    // The kernel's frame alone needs 3 KiB with AVX-512; sanitizers' handlers, which may follow,
    // much more.
    bytes_ = std::max<std::size_t>(static_cast<std::size_t>(::sysconf(_SC_SIGSTKSZ)), 64 * 1024);
    void* memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    memory_ = memory;
    stack_t own{};
    own.ss_sp = memory_;
    own.ss_size = bytes_;
    ::sigaltstack(&own, nullptr);
}

AlternateSignalStack::~AlternateSignalStack() {
    own_stack = {};
    if (memory_ == nullptr) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
    ::munmap(memory_, bytes_);
}

}  // namespace spindle::runtime
