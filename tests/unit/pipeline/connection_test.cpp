// SPDX-License-Identifier: Apache-2.0
//
// Connections of handlers that no configuration has, over real sockets. What any client can see of the server's own
// handlers is tested end to end.
#include "server/pipeline/connection.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include "config/options.hpp"
#include "server/pipeline/server.hpp"
#include "tests/unit/runtime/on_every_backend.hpp"

using namespace spindle;
using namespace spindle::pipeline;
using namespace std::chrono_literals;

namespace {

/// Serves one handler at every path, on a thread of its own; drained at the end, and then nothing may be left.
class Served {
  public:
    Served(const test::BackendVariant& variant, Handler handler)
        : listener_(listen_anywhere()), backend_(make(variant, board_)), log_(*AccessLog::open(config_.log, board_)) {
        std::vector<Route> routes;
        routes.push_back({.path = "/", .handler = std::move(handler), .allow = "GET, HEAD, POST"});
        std::vector<Site> sites;
        sites.push_back({.hosts = {}, .router = Router(std::move(routes)), .rules = nullptr});
        sites_.emplace(std::move(sites));
        server_ = std::make_unique<Server>(config_, *sites_, *log_, board_);
        thread_ = std::thread([this] { serve(); });
    }
    ~Served() {
        backend_->request_drain();
        thread_.join();
        ::close(listener_);
        CHECK(backend_->teardown().connections == 0);
    }
    Served(const Served&) = delete;
    Served& operator=(const Served&) = delete;

    /// A client that has sent `request` and takes no more than a few KiB until it receives.
    [[nodiscard]] int ask(std::string_view request) const {
        const int client = ::socket(AF_INET, SOCK_STREAM, 0);
        const int little = 4096;
        ::setsockopt(client, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
        REQUIRE(::connect(client, reinterpret_cast<const sockaddr*>(&address_), sizeof address_) == 0);
        REQUIRE(::send(client, request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()));
        return client;
    }

    [[nodiscard]] Score figures() const { return board_.read().total; }
    [[nodiscard]] std::uint64_t counted(Reason reason) const {
        return figures().by_reason[static_cast<std::size_t>(reason)];
    }
    /// Waits until `reason` has been counted.
    void expect(Reason reason) const {
        const auto limit = std::chrono::steady_clock::now() + 30s;
        while (counted(reason) == 0 && std::chrono::steady_clock::now() < limit) std::this_thread::sleep_for(1ms);
        CHECK(counted(reason) == 1);
    }

  private:
    static std::unique_ptr<runtime::Backend> make(const test::BackendVariant& variant, Scoreboard& board) {
        if (variant.fiber())
            return runtime::make_fiber({.processors = variant.processors, .counters = &board.runtime()});
        return runtime::make_event_loop({.blocking_threads = 2, .counters = &board.runtime()});
    }

    static config::Config configured() {
        config::Config config = config::default_config();
        config.log.access = false;
        config.listen.resize(1);
        return config;
    }

    int listen_anywhere() {
        const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address_;
        REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&address_), size) == 0);
        REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&address_), &size) == 0);
        REQUIRE(::listen(listener, 16) == 0);
        return listener;
    }

    void serve() {
        const std::size_t configured_as = 0;
        runtime::Service service = server_->service({&listener_, 1}, {&configured_as, 1});
        service.drain_timeout = 2s;
        CHECK(backend_->run(service).has_value());
    }

    const config::Config config_ = configured();
    sockaddr_in address_{};
    int listener_;
    Scoreboard board_{8};
    std::unique_ptr<runtime::Backend> backend_;
    std::unique_ptr<AccessLog> log_;
    std::optional<Sites> sites_;
    std::unique_ptr<Server> server_;
    std::thread thread_;
};

/// And closes it.
std::string received_to_end(int client) {
    std::string all;
    std::array<char, 4096> some{};
    while (true) {
        const ssize_t count = ::recv(client, some.data(), some.size(), 0);
        if (count <= 0) break;
        all.append(some.data(), static_cast<std::size_t>(count));
    }
    ::close(client);
    return all;
}

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
constexpr std::string_view kUpload = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n";

Response stream(StreamedBody::Producer producer) {
    Response response = Response::text(200, "");
    response.body = std::make_unique<StreamedBody>(std::move(producer));
    return response;
}

/// As fast as it can, for as long as its own deadline lets it.
task<void> flood_for_a_moment(BodyWriter& to) {
    runtime::Scope scope;
    scope.set_deadline(runtime::in(50ms));
    const std::string much(64 * 1024, 'x');
    while (true) {
        const auto written = co_await to.write(much);
        if (!written) co_return;
    }
}

task<void> wait_a_moment_for_more(BodyReader* from, BodyWriter* to) {
    (void)co_await to->write("begun");
    runtime::Scope scope;
    scope.set_deadline(runtime::in(50ms));
    (void)co_await from->read();
}

task<void> write_and_throw(BodyWriter& to) {
    (void)co_await to.write("begun");
    throw std::runtime_error("no");
}

void on_each_backend(const Handler& handler, const std::function<void(const Served&)>& look) {
    for (const test::BackendVariant& variant : test::kBackendVariants) {
        CAPTURE(variant.name);
        const Served served(variant, handler);
        look(served);
    }
}

}  // namespace

TEST_CASE("A handler that throws is answered 500 and counted, and the connection goes on") {
    const auto maybe_throw = [](const Request& request) {
        if (request.path == "/bad") throw std::runtime_error("no");
        return Response::text(200, "good");
    };
    const PlainHandler plain = [=](Request& request, Context&) { return maybe_throw(request); };
    const CoroutineHandler waiting = [=](Request& request, Context&) -> task<Response> {
        (void)co_await runtime::sleep_for(1ms);
        co_return maybe_throw(request);
    };
    for (const Handler& handler : {Handler(plain), Handler(waiting)}) {
        on_each_backend(handler, [](const Served& served) {
            const int client = served.ask(
                "GET /bad HTTP/1.1\r\nHost: test\r\n\r\nGET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
            const std::string answers = received_to_end(client);
            CHECK(answers.starts_with("HTTP/1.1 500 "));
            CHECK(answers.ends_with("\r\n\r\ngood"));
            CHECK(served.figures().handler_errors == 1);
        });
    }
}

TEST_CASE("Memory that a handler does not get costs its connection, with a 503") {
    const PlainHandler greedy = [](Request&, Context&) -> Response { throw std::bad_alloc(); };
    on_each_backend(greedy, [](const Served& served) {
        const std::string answer = received_to_end(served.ask(kGet));
        CHECK(answer.starts_with("HTTP/1.1 503 "));
        CHECK(served.counted(Reason::no_memory) == 1);
    });
}

TEST_CASE("A handler's own deadline that ends a write is no slowness of the client's") {
    const PlainHandler floods = [](Request&, Context&) { return stream(flood_for_a_moment); };
    on_each_backend(floods, [](const Served& served) {
        const int client = served.ask(kGet);
        served.expect(Reason::handler_late);
        CHECK(served.counted(Reason::write_late) == 0);
        ::close(client);
    });
}

TEST_CASE("A handler's own deadline that ends its wait for the body is no slowness of the client's") {
    const CoroutineHandler waits = [](Request&, Context& context) -> task<Response> {
        BodyReader* const body = context.body;
        co_return stream([body](BodyWriter& to) { return wait_a_moment_for_more(body, &to); });
    };
    on_each_backend(waits, [](const Served& served) {
        const int client = served.ask(kUpload);
        served.expect(Reason::handler_late);
        CHECK(served.counted(Reason::write_late) == 0);
        CHECK(served.counted(Reason::body_late) == 0);
        ::close(client);
    });
}

TEST_CASE("A handler that throws in the midst of its answer is why the connection ends, and not its client") {
    const PlainHandler breaks = [](Request&, Context&) { return stream(write_and_throw); };
    on_each_backend(breaks, [](const Served& served) {
        const std::string answer = received_to_end(served.ask(kGet));
        CHECK(answer.contains("begun"));
        CHECK(!answer.ends_with("0\r\n\r\n"));
        served.expect(Reason::handler_failed);
        CHECK(served.counted(Reason::client_gone) == 0);
    });
}

// Else its bytes would be taken for the next response.
TEST_CASE("A response that may have no content has none, whatever its handler gives it") {
    for (const std::uint16_t status : {204, 205, 304}) {
        const PlainHandler plain = [=](Request&, Context&) { return Response::text(status, "smuggled"); };
        const PlainHandler large = [=](Request&, Context&) {
            return Response::text(status, std::string(300'000, 's'));
        };
        const CoroutineHandler waiting = [=](Request&, Context&) -> task<Response> {
            (void)co_await runtime::sleep_for(1ms);
            co_return Response::text(status, "smuggled");
        };
        const CoroutineHandler streaming = [=](Request&, Context&) -> task<Response> {
            const auto produce = [](BodyWriter& to) -> task<void> { (void)co_await to.write("smuggled"); };
            Response response = stream(produce);
            response.status = status;
            co_return response;
        };
        for (const Handler& handler : {Handler(plain), Handler(large), Handler(waiting), Handler(streaming)}) {
            on_each_backend(handler, [&](const Served& served) {
                const int client = served.ask("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
                const std::string answer = received_to_end(client);
                CHECK(answer.starts_with("HTTP/1.1 " + std::to_string(status)));
                CHECK(answer.ends_with("\r\n\r\n"));
            });
        }
    }
}
