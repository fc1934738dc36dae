// SPDX-License-Identifier: Apache-2.0
#include "server/process/supervisor.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "server/process/stop_signals.hpp"

namespace spindle::process {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kHealthyAfter = 5s;  ///< a worker that lived that long died of something new
constexpr Clock::duration kBackOffMin = 100ms;
constexpr Clock::duration kBackOffMax = 10s;

std::string cause_of_death(int status) {
    if (WIFSIGNALED(status)) {
        return fmt::format("was ended by signal {} ({}){}", WTERMSIG(status), ::strsignal(WTERMSIG(status)),
                           WCOREDUMP(status) ? ", core dumped" : "");
    }
    return fmt::format("ended with exit code {}", WEXITSTATUS(status));
}

class Supervisor {
  public:
    explicit Supervisor(const Supervised& supervised) : supervised_(supervised), workers_(supervised.processes) {
        sigset_t watched = watched_signals();
        ::sigaddset(&watched, SIGCHLD);
        ::pthread_sigmask(SIG_BLOCK, &watched, nullptr);
        signals_ = ::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
        int ends[2] = {-1, -1};
        if (signals_ < 0 || ::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) error_ = errno;
        ready_in_ = ends[0];
        ready_out_ = ends[1];
    }

    ~Supervisor() {
        for (const int descriptor : {signals_, ready_in_, ready_out_}) {
            if (descriptor >= 0) ::close(descriptor);
        }
    }
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    int run() {
        if (error_ != 0) {
            spdlog::critical("cannot supervise workers: {}: raise RLIMIT_NOFILE (ulimit -n)",
                             ::strerrordesc_np(error_));
            return 1;
        }
        // One after the other, so that what keeps all from starting is said once.
        workers_.front().start_at = Clock::now();
        while (true) {
            start_due_workers();
            wait();
            take_ready();
            take_signals();
            bury();
            if (stopping_ && nobody_lives()) return exit_code_;
        }
    }

  private:
    struct Worker {
        pid_t pid = 0;  ///< 0: not running
        bool ready = false;
        Clock::time_point started;
        Clock::duration back_off = kBackOffMin;
        std::optional<Clock::time_point> start_at;
    };

    void start_due_workers() {
        for (unsigned number = 0; number < workers_.size() && !stopping_; ++number) {
            if (workers_[number].start_at <= Clock::now() && workers_[number].start_at) start(number);
        }
    }

    void start(unsigned number) {
        Worker& worker = workers_[number];
        const pid_t supervisor = ::getpid();
        const pid_t pid = ::fork();
        if (pid == 0) std::_Exit(be_worker(number, supervisor));
        if (pid < 0) {
            spdlog::error("cannot start worker {}: {}", number, ::strerrordesc_np(errno));
            put_off(worker);
            return;
        }
        worker.pid = pid;
        worker.ready = false;
        worker.started = Clock::now();
        worker.start_at.reset();
        spdlog::debug("worker {} is process {}", number, pid);
    }

    int be_worker(unsigned number, pid_t supervisor) {
        // Without a supervisor nobody would ever end it.
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (::getppid() != supervisor) return 1;
        ::close(signals_);
        ::close(ready_in_);
        sigset_t child;
        ::sigemptyset(&child);
        ::sigaddset(&child, SIGCHLD);
        ::pthread_sigmask(SIG_UNBLOCK, &child, nullptr);
        const int code = supervised_.run(
            number, [this, number] { [[maybe_unused]] auto written = ::write(ready_out_, &number, sizeof number); });
        spdlog::shutdown();
        return code;
    }

    void put_off(Worker& worker) {
        worker.start_at = Clock::now() + worker.back_off;
        worker.back_off = std::min(worker.back_off * 2, kBackOffMax);
    }

    void wait() {
        int timeout = -1;
        for (const Worker& worker : workers_) {
            if (!worker.start_at || stopping_) continue;
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(*worker.start_at - Clock::now()).count();
            const int milliseconds = static_cast<int>(std::max<std::int64_t>(left, 0));
            timeout = timeout < 0 ? milliseconds : std::min(timeout, milliseconds);
        }
        pollfd watched[] = {{signals_, POLLIN, 0}, {ready_in_, POLLIN, 0}};
        ::poll(watched, 2, timeout);
    }

    void take_ready() {
        unsigned number = 0;
        while (::read(ready_in_, &number, sizeof number) == sizeof number) {
            workers_[number].ready = true;
            const unsigned next = ++number;
            if (announced_) continue;
            if (next < workers_.size()) {
                workers_[next].start_at = Clock::now();
            } else {
                announced_ = true;
                supervised_.on_ready();
            }
        }
    }

    void take_signals() {
        signalfd_siginfo info{};
        while (::read(signals_, &info, sizeof info) == sizeof info) {
            const int number = static_cast<int>(info.ssi_signo);
            if (number == SIGCHLD) continue;
            if (number == dump_signal() || reopens_logs(number)) {
                if (reopens_logs(number)) supervised_.reopen_logs();  // a worker to come has these
                signal_all(number);
                continue;
            }
            if (stopping_) {
                signal_all(SIGKILL);
                std::quick_exit(128 + number);
            }
            stopping_ = true;
            signal_all(SIGTERM);
        }
    }

    void signal_all(int number) const {
        for (const Worker& worker : workers_) {
            if (worker.pid != 0) ::kill(worker.pid, number);
        }
    }

    void bury() {
        int status = 0;
        while (true) {
            const pid_t pid = ::waitpid(-1, &status, WNOHANG);
            if (pid <= 0) return;
            const auto dead = std::ranges::find(workers_, pid, &Worker::pid);
            if (dead != workers_.end()) bury(*dead, status);
        }
    }

    void bury(Worker& worker, int status) {
        const pid_t pid = std::exchange(worker.pid, 0);
        const auto number = &worker - workers_.data();
        const bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (stopping_) {
            if (clean) return;
            spdlog::error("worker {} (process {}) {}", number, pid, cause_of_death(status));
            exit_code_ = 1;
            return;
        }
        // It said why. What keeps the first from starting keeps all from it, for ever.
        if (!worker.ready && !announced_ && WIFEXITED(status)) {
            stopping_ = true;
            exit_code_ = clean ? 1 : WEXITSTATUS(status);
            signal_all(SIGTERM);
            return;
        }
        supervised_.on_death(static_cast<unsigned>(number));
        if (Clock::now() - worker.started >= kHealthyAfter) worker.back_off = kBackOffMin;
        put_off(worker);
        const auto delay = std::chrono::ceil<std::chrono::milliseconds>(*worker.start_at - Clock::now());
        spdlog::error("worker {} (process {}) {}; its connections are lost, another one starts in {} ms", number, pid,
                      cause_of_death(status), delay.count());
    }

    [[nodiscard]] bool nobody_lives() const {
        return std::ranges::all_of(workers_, [](const Worker& worker) { return worker.pid == 0; });
    }

    const Supervised& supervised_;
    std::vector<Worker> workers_;
    int signals_ = -1;
    int ready_in_ = -1;
    int ready_out_ = -1;
    int error_ = 0;  // of opening those three
    bool stopping_ = false;
    bool announced_ = false;
    int exit_code_ = 0;
};

}  // namespace

int supervise(const Supervised& supervised) {
    Supervisor supervisor(supervised);
    return supervisor.run();
}

}  // namespace spindle::process
