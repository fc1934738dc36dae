// SPDX-License-Identifier: Apache-2.0
//
// What comes from outside: clients, and the ends of what reactors wait for, in any order, at any time.
#pragma once

#include <sched.h>
#include <sys/socket.h>

#include <optional>
#include <vector>

#include "runtime/reactor/reactor.hpp"

namespace spindle::sim {

/// One a run of VirtualThreads.
class FakeKernel {
  public:
    /// Clients are numbered from 0 on; the number is the connection's descriptor. So many accepts fail for want of
    /// memory, whoever waits.
    FakeKernel(unsigned clients, unsigned failures);
    ~FakeKernel();
    FakeKernel(const FakeKernel&) = delete;
    FakeKernel& operator=(const FakeKernel&) = delete;

    static FakeKernel* running;

    /// A virtual thread's body; until stop().
    void work();
    void stop() noexcept { stopped_ = true; }

    [[nodiscard]] bool has_client() const noexcept { return come_ < clients_; }
    /// Only while has_client().
    [[nodiscard]] int next_client() noexcept { return static_cast<int>(come_++); }
    [[nodiscard]] unsigned come() const noexcept { return come_; }
    /// This accept is to fail. Decided by the seed, counted.
    [[nodiscard]] bool accept_fails() noexcept;
    [[nodiscard]] unsigned failed() const noexcept { return failed_; }

    bool clock_stands = false;  ///< no timer becomes due any more
    std::vector<runtime::Reactor*> reactors;

  private:
    const unsigned clients_;
    const unsigned failures_;
    unsigned come_ = 0;
    unsigned failed_ = 0;
    bool stopped_ = false;
};

int accept4(int listener, sockaddr* address, socklen_t* bytes, int flags) noexcept;
/// Fails: where threads run is nobody's concern.
int sched_getaffinity(pid_t thread, std::size_t bytes, cpu_set_t* cpus) noexcept;

}  // namespace spindle::sim
