// SPDX-License-Identifier: Apache-2.0
//
// The fiber backend as it is (scheduler, processors, machines, monitor, queues, acceptors) upon virtual
// threads and a fake reactor. A seed makes a world: processors, clients, what each client's flow does, when
// the drain comes; and orders every step of every thread. In each world must hold:
//
//     every client is served to its end, or never accepted: no fiber and no wake-up is lost;
//     no flow runs twice at once, and a processor is held by one machine at a time;
//     an accept that fails for want of memory is counted, and tried again when its time is over, not before;
//     a machine in a handler without a processor is known to be away, so that it is kicked;
//     run() returns, and nothing is left.
//
// Seeds are 1, 2, 3, …: SPINDLE_SIM_SEEDS says how many. A failure prints its seed; SPINDLE_SIM_SEED=<seed>
// runs that one alone. That all this can fail is seen by `./dev sim`, which breaks the code in one place at a
// time (mutants.cmake) and expects a seed that finds it.
//
// Not explored: memory orders (the thread sanitizer looks at them), the ring itself, figures.
#include <doctest/doctest.h>

#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "runtime/fiber/fiber_backend.hpp"
#include "runtime/fiber/machine.hpp"
#include "runtime/fiber/processor.hpp"
#include "runtime/io.hpp"
#include "tests/sim/fake_kernel.hpp"
#include "tests/sim/virtual_threads.hpp"

using namespace spindle;
using namespace std::chrono_literals;
using runtime::Reactor;
using sim::FakeKernel;
using sim::VirtualThreads;

namespace {

enum class Drain { after_all, early, cancelling };

struct Shape {
    explicit Shape(std::uint64_t seed) {
        std::minstd_rand random(static_cast<unsigned>(seed));
        processors = 1 + random() % 3;
        // Few more often than many: whoever is busy hides what was lost.
        clients = 1 + random() % (random() % 4 == 0 ? 12 : 4);
        stuck = random() % 3 == 0 ? random() % clients : 0;
        const bool few_threads = stuck == 0 && random() % 3 == 0;
        threads_max = few_threads ? 0 : processors + clients + 1;
        connections_max = random() % 3 == 0 ? stuck + 1 + random() % 2 : 0;
        handles = random() % 5;
        blocks = random() % 5;
        waits = random() % 3;
        acts_max = 1 + random() % 3;
        const unsigned ending = random() % 8;
        drain = ending == 0 ? Drain::cancelling : ending < 3 ? Drain::early : Drain::after_all;
        failures = random() % 3 == 0 ? 1 + random() % 4 : 0;
    }

    unsigned processors;
    unsigned clients;
    unsigned stuck;            ///< the first of them stay in their handlers while others are served
    unsigned threads_max;      ///< 0: one more than processors
    unsigned connections_max;  ///< 0: no limit
    unsigned handles;          ///< of 4 acts
    unsigned blocks;           ///< of 4 handlers
    unsigned waits;            ///< of 4 handlers
    unsigned acts_max;         ///< of a client
    unsigned failures;         ///< of accepts, at most
    Drain drain;
};

class World {
  public:
    World(std::uint64_t seed, const Shape& shape)
        : shape_(shape), threads_(seed), kernel_(shape.clients, shape.failures), clients_(shape.clients) {
        runtime::FiberOptions options;
        options.processors = shape.processors;
        options.threads_max = shape.threads_max;
        options.stack_size = 64 * 1024;
        backend_ = runtime::make_fiber(options);
    }

    /// Empty, or what went wrong.
    std::string run() {
        threads_.add("the first machine", [this] { serve_all(); });
        threads_.add("the kernel", [this] { kernel_.work(); });
        threads_.add("the supervisor", [this] { supervise(); });
        std::string wrong = threads_.run();
        if (!wrong.empty()) {
            (void)backend_.release();  // threads that are stopped in the middle of it hold parts of it
            return wrong;
        }
        return what_is_left();
    }

  private:
    struct Client {
        bool runs = false;
        bool ended = false;
    };

    void serve_all() {
        const int listener = -1;
        runtime::Service service;
        service.listeners = std::span(&listener, 1);
        service.serve = [this](runtime::Accepted accepted) { return serve(accepted.descriptor); };
        service.connections_max = shape_.connections_max;
        // It cancels after half of it and gives up after the other half, which is so many looks of the monitor that
        // no stalls of the others last as long.
        service.drain_timeout = shape_.drain == Drain::cancelling ? 1s : 1h;
        service.abandon = [] {
            VirtualThreads::fail("the drain gave up");
            VirtualThreads::here();
        };
        if (!backend_->run(service)) VirtualThreads::fail("run() failed");
        kernel_.stop();
    }

    void supervise() {
        const std::function<bool()> all_ended = [this] { return ended_ == shape_.clients; };
        if (shape_.drain == Drain::after_all) {
            VirtualThreads::wait_until("every client to be served", all_ended);
        } else {
            for (auto turns = choose(200); turns > 0; --turns) VirtualThreads::here();
        }
        kernel_.clock_stands = shape_.drain == Drain::cancelling;
        backend_->refresh_figures();
        backend_->request_drain();
    }

    // ---- a client's flow

    runtime::task<void> serve(int number) {
        Client& client = clients_[static_cast<std::size_t>(number)];
        const bool stuck = static_cast<unsigned>(number) < shape_.stuck;
        if (!stuck) ++others_open_;
        begin(client);
        for (auto acts = 1 + choose(shape_.acts_max); acts > 0; --acts) {
            if (stuck || choose(4) < shape_.handles) {
                co_await handle(client, stuck);
            } else if (choose(2) == 0) {
                Reactor& reactor = runtime::current_worker().reactor();
                const Reactor::Occupied here(reactor);
                reactor.wake_a_neighbour();
            } else {
                end(client);
                (void)co_await runtime::sleep_for(1ms);
                begin(client);
            }
        }
        end(client);
        client.ended = true;
        ++ended_;
        if (!stuck) --others_open_;
    }

    runtime::task<void> handle(Client& client, bool stuck) {
        const runtime::HandlerScope scope("/explored");
        compute(stuck && choose(2) == 0);
        if (choose(4) < shape_.waits) {
            end(client);
            (void)co_await runtime::sleep_for(1ms);
            begin(client);
        }
        if (choose(4) < shape_.blocks) {
            auto work = [this, stuck] { block(stuck && choose(2) == 0); };
            (void)co_await runtime::blocking(work);
        }
        compute(false);
    }

    // In a handler.
    void compute(bool stuck) {
        for (auto steps = choose(6); steps > 0; --steps) look_at_machine();
        if (stuck) wait_for_others();
        look_at_machine();
    }

    // In blocking(): its processor is given away, unless there was nobody to take it.
    void block(bool stuck) {
        const runtime::Machine& machine = runtime::this_machine();
        const bool given_away = machine.processor == nullptr;
        for (auto steps = choose(12); steps > 0; --steps) {
            VirtualThreads::here();
            if (given_away && !machine.away())
                VirtualThreads::fail("nobody knows that a machine in blocking() is away");
        }
        if (stuck) wait_for_others();
    }

    void wait_for_others() {
        const std::function<bool()> others_ended = [this] { return others_open_ == 0; };
        VirtualThreads::wait_until("others to be served", others_ended);
    }

    static void look_at_machine() {
        const runtime::Machine& machine = runtime::this_machine();
        const bool taken = machine.processor->word() != machine.user_word;
        if (taken && !machine.away()) VirtualThreads::fail("nobody knows that a machine in a handler is away");
    }

    static void begin(Client& client) {
        if (client.runs || client.ended) VirtualThreads::fail("a flow runs twice at once");
        client.runs = true;
    }
    static void end(Client& client) { client.runs = false; }

    // ----

    std::string what_is_left() const {
        if (ended_ != kernel_.come()) return "a client was not served to its end";
        if (shape_.drain == Drain::after_all && ended_ != shape_.clients) return "a client was not accepted";
        if (backend_->figures().accept_errors != kernel_.failed()) return "a failed accept was not counted";
        const runtime::Teardown left = backend_->teardown();
        if (left.connections + left.fibers + left.operations + left.buffers != 0) return "something is left";
        return "";
    }

    std::uint64_t choose(std::uint64_t choices) { return threads_.random() % choices; }

    const Shape shape_;
    VirtualThreads threads_;
    FakeKernel kernel_;
    std::vector<Client> clients_;
    unsigned ended_ = 0;
    unsigned others_open_ = 0;
    std::unique_ptr<runtime::Backend> backend_;
};

// What breaks may break the process: then, too, the seed is said.
std::uint64_t running_seed = 0;

void say_seed(int) { std::fprintf(stderr, "crashed; again: SPINDLE_SIM_SEED=%" PRIu64 " sim_tests\n", running_seed); }

void say_seed_on_crash() {
    struct sigaction action{};
    action.sa_handler = say_seed;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_ONSTACK);
    for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGILL}) ::sigaction(signal, &action, nullptr);
}

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Virtual threads are one thread: the thread sanitizer has nothing to find there.
#if defined(SPINDLE_TSAN)
constexpr std::uint64_t kSeeds = 100;
#elif defined(SPINDLE_ASAN)
constexpr std::uint64_t kSeeds = 2'000;
#else
constexpr std::uint64_t kSeeds = 20'000;
#endif

}  // namespace

TEST_CASE("no order of steps loses a fiber or a wake-up, or gives one thing to two") {
    const std::uint64_t only = number_from_environment("SPINDLE_SIM_SEED", 0);
    const std::uint64_t first = only == 0 ? 1 : only;
    const std::uint64_t last = only == 0 ? number_from_environment("SPINDLE_SIM_SEEDS", kSeeds) : only;
    say_seed_on_crash();
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        running_seed = seed;
        INFO("again: SPINDLE_SIM_SEED=", seed, " sim_tests");
        const std::string wrong = World(seed, Shape(seed)).run();
        REQUIRE_MESSAGE(wrong.empty(), wrong);
    }
}
