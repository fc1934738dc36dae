// SPDX-License-Identifier: Apache-2.0
#include "loadtest/probe/measure.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

#include <sys/epoll.h>
#include <unistd.h>

#include "loadtest/probe/client.hpp"
#include "loadtest/probe/percentile.hpp"
#include "loadtest/probe/schedule.hpp"

namespace probe {
namespace {

constexpr int kOk = 200;
constexpr int kFirstError = 400;  // as wrk counts

double milliseconds(Nanoseconds time) { return static_cast<double>(time) / 1e6; }

class Measurement {
  public:
    explicit Measurement(const MeasureOptions& options)
        : options_(options), load_request_(request_for(options.load_path)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
        probes_.reserve(options.connections);  // addresses of clients are registered: no growth later
        for (unsigned i = 0; i < options.connections; ++i) open_probe(i);
        loads_.resize(options.load_connections);
        if (!options.load_begin) open_loads();
        if (!options.log_path.empty() && (log_ = std::fopen(options.log_path.c_str(), "w")) == nullptr) fail("the log");
    }
    ~Measurement() {
        if (log_ != nullptr) std::fclose(log_);
        ::close(epoll_);
    }
    Measurement(const Measurement&) = delete;
    Measurement& operator=(const Measurement&) = delete;

    void run() {
        const Nanoseconds ready = now();
        start_ = ready + (loads_.empty() || options_.load_begin ? 0 : options_.lead);
        const Nanoseconds end = start_ + options_.duration;
        const Nanoseconds load_begin = options_.load_begin ? start_ + *options_.load_begin : ready;
        load_end_ = options_.load_end ? std::min(start_ + *options_.load_end, end) : end;
        bool load_waits = !loads_.empty();
        for (Nanoseconds time = now(); time < end; time = now()) {
            if (load_waits && time >= load_begin) {
                if (options_.load_begin) open_loads();  // earlier, the server might close what asks for nothing
                for (Flow& load : loads_) send(load, load_request_);
                load_waits = false;
            }
            send_due(time);
            const Nanoseconds next = std::min(due_at(next_), end);
            take_answers((load_waits ? std::min(next, load_begin) : next) - time);
        }
        report(end, load_end_ - load_begin);
    }

  private:
    /// A connection and, for a probe, the number of the request whose answer comes next.
    struct Flow {
        Client client;
        std::uint64_t number = 0;
        bool is_probe = false;
    };

    void open(Flow& flow) {
        flow.client.connect(options_.port, options_.source);
        flow.client.set_non_blocking();
        watch(flow, EPOLL_CTL_ADD);
    }

    void open_loads() {
        for (Flow& load : loads_) open(load);
    }

    void watch(Flow& flow, int operation) { flow.client.watch(epoll_, operation, &flow); }

    void send(Flow& flow, const std::string& request) {
        if (flow.client.is_over()) {
            flow.client.reconnect();
            watch(flow, EPOLL_CTL_ADD);
            ++reopened_;
        }
        const bool waited = flow.client.has_unsent();
        flow.client.send(request);
        if (flow.client.has_unsent() != waited) watch(flow, EPOLL_CTL_MOD);
    }

    void take_events(Flow& flow, std::uint32_t events) {
        if ((events & EPOLLOUT) != 0) {
            flow.client.send_rest();
            if (!flow.client.has_unsent()) watch(flow, EPOLL_CTL_MOD);
        }
        flow.client.receive();
    }

    /// Asks once, so that accepting and first-use costs are not measured.
    void open_probe(unsigned number) {
        Flow& flow = probes_.emplace_back();
        flow.number = number;
        flow.is_probe = true;
        open(flow);
        send(flow, request(number));
        for (bool is_answered = false; !is_answered;) {
            epoll_event event{};
            if (::epoll_wait(epoll_, &event, 1, -1) != 1) {
                if (errno != EINTR) fail("epoll_wait");
                continue;
            }
            Flow& ready = *static_cast<Flow*>(event.data.ptr);  // also one that the server ends
            take_events(ready, event.events);
            is_answered = ready.client.next_response() != 0;
            if (ready.client.is_over()) ready.client.close();
        }
    }

    [[nodiscard]] const std::string& request(std::uint64_t number) const {
        return options_.requests[number % options_.requests.size()];
    }

    [[nodiscard]] Nanoseconds due_at(std::uint64_t number) const {
        return start_ + static_cast<Nanoseconds>(number) * kSecond / options_.rate;
    }

    void send_due(Nanoseconds time) {
        for (; due_at(next_) <= time; ++next_) {
            send(probes_[next_ % probes_.size()], request(next_));
            lateness_.push_back(time - due_at(next_));
        }
    }

    void take_answers(Nanoseconds timeout) {
        std::array<epoll_event, 64> events;
        const timespec wait{.tv_sec = timeout / kSecond, .tv_nsec = timeout % kSecond};
        const int count = ::epoll_pwait2(epoll_, events.data(), events.size(), timeout > 0 ? &wait : &kNow, nullptr);
        if (count < 0 && errno != EINTR) fail("epoll_pwait2");
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events[static_cast<std::size_t>(i)];
            Flow& flow = *static_cast<Flow*>(event.data.ptr);
            take_events(flow, event.events);
            while (const int status = flow.client.next_response()) {
                if (flow.is_probe) answered(flow, status);
                else load_answered(flow, status);
            }
            if (flow.client.is_over()) ended(flow);
        }
    }

    void answered(Flow& flow, int status) {
        if (status >= kFirstError) ++failed_;
        add(flow.number, now() - due_at(flow.number), status);
        flow.number += probes_.size();
    }

    /// The server answers no more on this connection. What is under way is asked again on another one, which else is opened
    /// when it is needed.
    void ended(Flow& flow) {
        flow.client.close();
        if (!flow.is_probe) return ask_load(flow);
        for (std::uint64_t number = flow.number; number < next_; number += probes_.size()) send(flow, request(number));
    }

    void add(std::uint64_t number, Nanoseconds latency, int status) {
        latency_.push_back(latency);
        if (log_ == nullptr) return;
        std::fprintf(log_, "%.1f %.1f %d\n", static_cast<double>(due_at(number) - start_) / 1e3,
                     static_cast<double>(latency) / 1e3, status);
    }

    void load_answered(Flow& flow, int status) {
        if (now() >= load_end_) return;
        if (status == kOk) ++load_done_;
        else ++load_refused_;
        if (!flow.client.is_over()) ask_load(flow);
    }

    void ask_load(Flow& flow) {
        if (now() < load_end_) send(flow, load_request_);
    }

    void report(Nanoseconds end, Nanoseconds load_duration) {
        const std::size_t answered = latency_.size();
        for (const Flow& flow : probes_) {
            for (std::uint64_t number = flow.number; number < next_; number += probes_.size())
                add(number, end - due_at(number), 0);
        }
        std::ranges::sort(latency_);
        std::ranges::sort(lateness_);
        std::printf("p50 %.4f\np99 %.4f\nmax %.4f\n", milliseconds(percentile(latency_, 0.5)),
                    milliseconds(percentile(latency_, 0.99)), milliseconds(percentile(latency_, 1)));
        std::printf("requests %zu\nunanswered %zu\nfailed %zu\n", latency_.size(), latency_.size() - answered, failed_);
        std::printf("reopened %zu\nlate_p99 %.4f\n", reopened_, milliseconds(percentile(lateness_, 0.99)));
        const double per_s =
            load_duration > 0 ? static_cast<double>(load_done_) * 1e9 / static_cast<double>(load_duration) : 0;
        std::printf("load_done %zu\nload_refused %zu\nload_per_s %.3f\n", load_done_, load_refused_, per_s);
    }

    static constexpr timespec kNow{};

    const MeasureOptions& options_;
    const std::string load_request_;
    const int epoll_;
    std::vector<Flow> probes_;
    std::vector<Flow> loads_;
    Nanoseconds start_ = 0;
    Nanoseconds load_end_ = 0;
    std::uint64_t next_ = 0;             ///< the first request that is not due yet
    std::vector<Nanoseconds> latency_;   ///< of answers, from when they were due
    std::vector<Nanoseconds> lateness_;  ///< of this program itself: how long after they were due requests left
    std::size_t failed_ = 0;             ///< answers of the probe that were not 200
    std::size_t reopened_ = 0;           ///< connections, in the place of those that the server closed
    std::FILE* log_ = nullptr;
    std::size_t load_done_ = 0;
    std::size_t load_refused_ = 0;
};

}  // namespace

void measure(const MeasureOptions& options) {
    const bool short_slice = ask_for_short_slice();
    Measurement measurement(options);
    measurement.run();
    std::printf("short_slice %d\n", short_slice ? 1 : 0);
}

}  // namespace probe
