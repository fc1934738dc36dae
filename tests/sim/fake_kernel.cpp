// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/fake_kernel.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "runtime/fiber/fiber_dump.hpp"
#include "runtime/fiber/stack_trimmer.hpp"
#include "runtime/fiber/thread_slice.hpp"
#include "runtime/fiber/thread_state.hpp"
#include "runtime/overflow_reporter.hpp"
#include "tests/sim/virtual_threads.hpp"

namespace spindle::sim {

FakeKernel* FakeKernel::running = nullptr;

FakeKernel::FakeKernel(unsigned clients, unsigned failures) : clients_(clients), failures_(failures) { running = this; }
FakeKernel::~FakeKernel() { running = nullptr; }

bool FakeKernel::accept_fails() noexcept {
    if (failed_ == failures_ || VirtualThreads::running->random() % 2 == 0) return false;
    ++failed_;
    return true;
}

void FakeKernel::work() {
    const auto can_end_one = [](const runtime::Reactor* reactor) { return reactor->can_end_one(); };
    const std::function<bool()> something = [&] { return stopped_ || std::ranges::any_of(reactors, can_end_one); };
    while (true) {
        VirtualThreads::wait_until("something to do", something);
        if (stopped_) return;
        const std::size_t first = VirtualThreads::running->random() % reactors.size();
        std::ranges::rotate(reactors, reactors.begin() + static_cast<std::ptrdiff_t>(first));
        (*std::ranges::find_if(reactors, can_end_one))->end_one();
    }
}

int accept4(int, sockaddr*, socklen_t*, int) noexcept {
    VirtualThreads::here();
    FakeKernel& kernel = *FakeKernel::running;
    runtime::Reactor& reactor = runtime::current_worker().reactor();
    if (reactor.accept_pauses()) VirtualThreads::fail("an accept that failed is tried again at once");
    if (kernel.accept_fails()) {
        reactor.accept_failed();
        errno = ENOMEM;
        return -1;
    }
    if (kernel.has_client() && VirtualThreads::running->random() % 2 == 0) return kernel.next_client();
    errno = EAGAIN;
    return -1;
}

int sched_getaffinity(pid_t, std::size_t, cpu_set_t*) noexcept { return -1; }

}  // namespace spindle::sim

// What machines ask of the kernel for their threads, which here are none.
namespace spindle::runtime {

void set_thread_slice(std::chrono::nanoseconds) noexcept {}
bool is_asleep(int) noexcept { return true; }
void install_overflow_reporter(AskStackUser) {}
void report_overflow(std::size_t) { std::abort(); }
AlternateSignalStack::AlternateSignalStack() = default;
AlternateSignalStack::~AlternateSignalStack() = default;

// What looks at fibers from outside.
StackTrimmer::StackTrimmer(Scheduler& scheduler) : scheduler_(scheduler) {}
StackTrimmer::~StackTrimmer() = default;
void dump_fibers(Scheduler&, const DumpLine&) {}

}  // namespace spindle::runtime
