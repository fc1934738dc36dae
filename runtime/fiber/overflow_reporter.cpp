// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/overflow_reporter.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include <algorithm>

#include "runtime/fiber/stacks.hpp"

namespace spindle::runtime {
namespace {

struct sigaction before{};  // what SIGSEGV did before; written once, before the handler is installed

// Only what is allowed in a signal handler: no printf.
void write_report(std::size_t stack_size) {
    char digits[24];
    char* first = digits + sizeof digits;
    do {
        *--first = static_cast<char>('0' + stack_size % 10);
        stack_size /= 10;
    } while (stack_size != 0);
    char line[160];
    std::size_t length = 0;
    auto append = [&](const char* text, std::size_t bytes) {
        std::memcpy(line + length, text, bytes);
        length += bytes;
    };
    constexpr char kHead[] = "spindle: stack overflow in a handler: stack_size = ";
    constexpr char kTail[] = " bytes, raise concurrency.fiber.stack_size\n";
    append(kHead, sizeof kHead - 1);
    append(first, static_cast<std::size_t>(digits + sizeof digits - first));
    append(kTail, sizeof kTail - 1);
    if (::write(STDERR_FILENO, line, length) < 0) return;
}

void on_fault(int signal, siginfo_t* info, void*) {
    const bool by_kernel = info->si_code > 0;
    if (by_kernel) {
        if (const std::size_t stack_size = guarded_stack_size(info->si_addr); stack_size != 0) {
            write_report(stack_size);
            std::abort();
        }
    }
    ::sigaction(SIGSEGV, &before, nullptr);
    if (!by_kernel) ::raise(signal);  // sent by somebody: returning would not bring it again
}

}  // namespace

void install_overflow_reporter() {
    static std::once_flag once;
    std::call_once(once, [] {
        (void)guarded_stack_size(nullptr);  // its lazily made page size, outside of the handler
        ::sigaction(SIGSEGV, nullptr, &before);
        struct sigaction action{};
        action.sa_sigaction = on_fault;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        ::sigemptyset(&action.sa_mask);
        ::sigaction(SIGSEGV, &action, nullptr);
    });
}

AlternateSignalStack::AlternateSignalStack() {
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
    if (memory_ == nullptr) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
    ::munmap(memory_, bytes_);
}

}  // namespace spindle::runtime
