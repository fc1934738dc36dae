// SPDX-License-Identifier: Apache-2.0
#include "config/loader.hpp"

#include <doctest/doctest.h>

#include <array>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "config/dump.hpp"

using namespace spindle::config;
using namespace std::chrono_literals;

namespace {

constexpr std::array<std::string_view, 6> kHandlers{"plaintext", "redirect", "respond", "rewrite", "sleep", "static"};

/// A folder with spindle.toml and an empty folder "site"; removed at the end.
class Folder {
  public:
    explicit Folder(const std::string& text) {
        std::string name = (std::filesystem::temp_directory_path() / "spindle_config_XXXXXX").string();
        path = ::mkdtemp(name.data());
        std::filesystem::create_directory(path / "site");
        std::ofstream(path / "spindle.toml") << text;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::expected<Config, std::string> load(const std::vector<std::string>& overrides = {}) const {
        return spindle::config::load(path / "spindle.toml", overrides, kHandlers);
    }
    std::filesystem::path path;
};

std::string problems(const std::string& text, const std::vector<std::string>& overrides = {}) {
    const auto config = Folder(text).load(overrides);
    return config ? "none" : config.error();
}

bool says(const std::string& report, std::string_view part) {
    CAPTURE(report);
    const bool found = report.find(part) != report.npos;
    CHECK(found);
    return found;
}

}  // namespace

TEST_CASE("An option of a listener that would do nothing there is a mistake") {
    CHECK(problems("[[listen]]\naddress = \"unix:/run/x.sock\"\nmode = \"0660\"\n") == "none");
    says(problems("[[listen]]\naddress = \"127.0.0.1:1\"\nmode = \"0660\"\n"),
         ":3:1: error: listen.mode is for unix sockets only");
    CHECK(problems("[[listen]]\naddress = \"[::]:1\"\ndual_stack = true\n") == "none");
    says(problems("[[listen]]\naddress = \"127.0.0.1:1\"\ndual_stack = true\n"),
         ":3:1: error: listen.dual_stack is for IPv6 addresses only");
    CHECK(problems("[[listen]]\naddress = \"systemd:web\"\n") == "none");
}

TEST_CASE("The mode of a unix socket is three or four octal digits") {
    const auto with_mode = [](const std::string& mode) {
        return problems("[[listen]]\naddress = \"unix:/run/x.sock\"\nmode = " + mode + "\n");
    };
    for (const std::string right : {"\"0660\"", "\"600\"", "\"0777\"", "\"0000\""}) CHECK(with_mode(right) == "none");
    for (const std::string wrong : {"\"0668\"", "\"1777\"", "\"\"", "\"06600\"", "\"rw\"", "\"-660\"", "660", "0o660"})
        says(with_mode(wrong), ":3:8: error: listen.mode must be permissions in octal");
}

TEST_CASE("Trusted proxies are networks, and a wrong one is named with its reason") {
    const auto config =
        Folder("[proxies]\ntrusted = [\"10.0.0.0/8\", \"::1\", \"unix:\"]\nfield = \"forwarded\"\n").load();
    REQUIRE(config);
    CHECK(config->proxies.trusted.size() == 3);
    CHECK(config->proxies.field == ForwardedField::forwarded);
    says(problems("[proxies]\ntrusted = [\"10.0.0.1/8\"]\n"),
         ":2:11: error: proxies.trusted must be a list of networks, as [\"10.0.0.0/8\", \"::1\", \"unix:\"] "
         "(\"10.0.0.1/8\" has bits behind its prefix; 10.0.0.0/8 is the network, 10.0.0.1 the address), not ");
    says(problems("[proxies]\ntrusted = \"10.0.0.0/8\"\n"), ":2:11: error: proxies.trusted must be a list of networks");
}

TEST_CASE("A PROXY header that nobody is trusted to send is a mistake") {
    const std::string listen = "[[listen]]\naddress = \"127.0.0.1:1\"\nproxy_protocol = true\n";
    says(problems(listen), "listen.proxy_protocol is on, but proxies.trusted is empty: nobody could connect");
    CHECK(problems(listen + "[proxies]\ntrusted = [\"::1\"]\n") == "none");
}

TEST_CASE("https_only where nobody may say that https was used is a mistake") {
    const std::string site = "[[site]]\nhosts = [\"a.test\"]\nhttps_only = true\n";
    const std::string open = "[[site.route]]\npath = \"/\"\nhandler = \"sleep\"\nhttps_only = false\n";
    says(problems(site), "spindle.toml:3:14: error: https_only is on, but proxies.trusted is empty: nobody could say");
    CHECK(problems("[proxies]\ntrusted = [\"::1\"]\n" + site + open) == "none");
    CHECK(problems("[[site]]\nhosts = [\"a.test\"]\n" + open) == "none");
}

TEST_CASE("An empty file is every default, and one listener") {
    const auto config = Folder("").load();
    REQUIRE(config);
    CHECK(config->concurrency.backend == Backend::event_loop);
    CHECK(config->timeouts.idle == 75s);
    REQUIRE(config->listen.size() == 1);
    CHECK(config->listen[0].address == "127.0.0.1:8080");
}

TEST_CASE("Values are taken from the file, overrides win") {
    const Folder folder(
        "[concurrency]\nbackend = \"fiber\"\n[limits]\nbody_bytes = \"2MiB\"\n[[listen]]\naddress = \"[::1]:1\"\n"
        "[[listen]]\naddress = \"unix:/tmp/x\"\n");
    auto config = folder.load();
    REQUIRE(config);
    CHECK(config->concurrency.backend == Backend::fiber);
    CHECK(config->limits.body_bytes == 2 << 20);
    CHECK(config->listen.size() == 2);

    config = folder.load({"concurrency.backend=event_loop", "limits.body_bytes=64KiB", "limits.header_count=7",
                          "log.access=false", "listen.address=127.0.0.1:0"});
    REQUIRE(config);
    CHECK(config->concurrency.backend == Backend::event_loop);
    CHECK(config->limits.body_bytes == 65536);
    CHECK(config->limits.header_count == 7);
    CHECK_FALSE(config->log.access);
    REQUIRE(config->listen.size() == 1);
    CHECK(config->listen[0].address == "127.0.0.1:0");
}

TEST_CASE("A root is relative to the file") {
    const Folder folder("[[route]]\npath = \"/\"\nhandler = \"static\"\nroot = \"site\"\n");
    const auto config = folder.load();
    REQUIRE(config);
    CHECK(config->routes[0].root == folder.path / "site");
}

TEST_CASE("Every mistake is reported at once, with place, rule and the nearest right word") {
    const std::string report = problems(
        "[concurrency]\nbackend = \"fibre\"\n\n[limits]\nbody_bites = \"1MiB\"\nheader_count = -1\n\n[[listen]]\n"
        "address = \"127.0.0.1:99999\"\n[timeouts]\nidle = 75\n[lgo]\nx = 1\n");
    says(report,
         "spindle.toml:2:11: error: concurrency.backend must be one of \"event_loop\", \"fiber\", not \"fibre\" (did "
         "you mean \"fiber\"?)");
    says(report, "    2 | backend = \"fibre\"\n      |           ^~~~~~~");
    says(report, "spindle.toml:5:1: error: there is no option limits.body_bites (did you mean \"body_bytes\"?)");
    says(report, "spindle.toml:6:16: error: limits.header_count must be a whole number from 1 to 10000, not -1");
    says(report, "spindle.toml:9:11: error: listen.address must be");
    says(report, "spindle.toml:11:8: error: timeouts.idle must be a duration");
    says(report, "there is no option lgo (did you mean \"log\"?)");
}

TEST_CASE("TOML that does not parse is reported with its place") {
    says(problems("[concurrency]\nbackend = \n"), "spindle.toml:2:");
    says(problems("[limits]\nheader_count = 1\nheader_count = 2\n"), "spindle.toml:3:");
}

TEST_CASE("A file may begin with a byte order mark and have DOS line ends") {
    const auto config = Folder("\xef\xbb\xbf[limits]\r\nheader_count = 7\r\n").load();
    REQUIRE(config);
    CHECK(config->limits.header_count == 7);
    says(problems("\xef\xbb\xbf[limits]\r\nheader_count = 0\r\n"),
         "    2 | header_count = 0\n      |                ^\n");
}

TEST_CASE("The caret stands below its character, whatever bytes are before it") {
    says(problems("[log]\naccess_path = \"\xc3\xbc\xe2\x82\xac\"\nx = {\"\xc3\xbc\" = 1}\n"), "no option log.x");
    says(problems("log = { access_path = \"\xc3\xbc\xe2\x82\xac\", access = 1 }\n"),
         "      |                                      ^\n");
}

TEST_CASE("An address is one") {
    for (const char* address : {"127.0.0.1:0", "[::]:8080", "[fe80::1]:80", "unix:/run/x", "0.0.0.0:65535"}) {
        CAPTURE(address);
        CHECK(problems("[[listen]]\naddress = \"" + std::string(address) + "\"\n") == "none");
    }
    for (const char* address : {"", ":80", "localhost:80", "999.1.1.1:80", "[zzz]:80", "[]:80", "::1:80", "127.0.0.1",
                                "127.0.0.1:65536", "127.0.0.1:x", "unix:"}) {
        CAPTURE(address);
        says(problems("[[listen]]\naddress = \"" + std::string(address) + "\"\n"), "listen.address must be");
    }
}

TEST_CASE("Routes are checked against the handlers and the file system") {
    says(problems("[[route]]\npath = \"/\"\nhandler = \"plaintex\"\n"),
         "spindle.toml:3:11: error: route.handler must be one of plaintext, redirect, respond, rewrite, sleep, static, "
         "not \"plaintex\" (did you "
         "mean \"plaintext\"?)");
    says(problems("[[route]]\npath = \"/\"\nhandler = \"respond\"\nstatus = 204\nbody = \"x\"\n"),
         "route.body cannot be sent: a response with status 204 has no content");
    says(problems("[[route]]\nhandler = \"plaintext\"\n"), "route.path is missing");
    says(problems("[[route]]\npath = \"/\"\n"), "route.handler is missing");
    says(problems("[[route]]\npath = \"/\"\nhandler = \"static\"\n"), "route.root is missing");
    says(problems("[[route]]\npath = \"/\"\nhandler = \"static\"\nroot = \"none\"\n"), "none is not there");
    says(problems("[[route]]\npath = \"/\"\nhandler = \"static\"\nroot = \"spindle.toml\"\n"), "is not a folder");
    says(problems("[[route]]\npath = \"/files\"\nhandler = \"static\"\nroot = \"site\"\n"),
         "must end with /, as /files/");
    says(problems("[[route]]\npath = \"/x\"\nhandler = \"sleep\"\nroot = \"site\"\n"),
         "route.root is for the handler static only");
    says(problems("[[route]]\npath = \"/x\"\nhandler = \"sleep\"\nsymlinks = \"none\"\n"),
         "route.symlinks is for the handler static only");
    says(problems("[[route]]\npath = \"/\"\nhandler = \"static\"\nroot = \"site\"\nsymlinks = \"no\"\n"),
         "route.symlinks must be one of \"none\", \"within\", not \"no\"");
    says(problems("[[route]]\npath = \"/x\"\nhandler = \"sleep\"\n[[route]]\npath = \"/x\"\nhandler = \"sleep\"\n"),
         "spindle.toml:5:8: error: route.path /x is there twice");
}

TEST_CASE("Sites have hosts and routes of their own") {
    const auto config = Folder(
                            "[[route]]\npath = \"/\"\nhandler = \"sleep\"\n[[site]]\nhosts = [\"a.test\", "
                            "\"*.a.test\"]\n[[site.route]]\npath = \"/\"\nhandler = \"plaintext\"\n[[site]]\n"
                            "hosts = [\"b.test\"]\n")
                            .load();
    REQUIRE(config);
    REQUIRE(config->sites.size() == 2);
    CHECK(config->routes.size() == 1);
    CHECK(config->sites[0].hosts == std::vector<std::string>{"a.test", "*.a.test"});
    CHECK(config->sites[0].routes.at(0).handler == "plaintext");
    CHECK(config->sites[1].routes.empty());
}

TEST_CASE("Mistakes in sites are named") {
    says(problems("[[site]]\n"), "site.hosts is missing");
    says(problems("[[site]]\nhosts = [\"A.test\"]\n"),
         "spindle.toml:2:9: error: site.hosts must be a list of host names");
    says(problems("[[site]]\nhosts = [\"a.test:80\"]\n"), "site.hosts must be a list of host names");
    says(problems("[[site]]\nhosts = [\"*\"]\n"), "site.hosts must be a list of host names");
    says(problems("[[site]]\nhosts = [\"a.test\"]\n[[site]]\nhosts = [\"a.test\"]\n"),
         "spindle.toml:4:9: error: site.hosts has a.test, which is there already");
    says(problems("[[site]]\nhosts = [\"a.test\"]\nroute = 1\n"),
         "each route of a site is a table below [[site.route]]");
    says(problems("[[site]]\nhosts = [\"a.test\"]\nset_header = {}\n"),
         "there is no option site.set_header (did you mean \"set_headers\"?)");
    says(problems("[[site]]\nhosts = [\"a.test\"]\n[[site.route]]\npath = \"/{a}x\"\nhandler = \"sleep\"\n"),
         "spindle.toml:4:8: error: route.path must be");
    says(problems("[[site]]\nhosts = [\"a.test\"]\ncors_origins = [\"*\"]\ncors_credentials = true\n"),
         "cors_credentials cannot be with the origin *");
}

TEST_CASE("A rate is a number of requests and a unit of time") {
    const auto route = [](const std::string& rate) {
        return "[[route]]\npath = \"/\"\nhandler = \"sleep\"\nrate_limit = \"" + rate + "\"\n";
    };
    const auto config = Folder(route("600/m")).load();
    REQUIRE(config);
    CHECK(config->routes[0].access.rate.requests == 600);
    CHECK(config->routes[0].access.rate.period == 1min);
    CHECK(dump(*config).find("rate_limit = \"600/m\"") != std::string::npos);
    for (const char* wrong :
         {"", "10", "0/s", "10/d", "-1/s", "10 /s", "10/s ", "1000001/s", "99999999999999999999/s"}) {
        CAPTURE(wrong);
        says(problems(route(wrong)), "route.rate_limit must be a number of requests from 1 to 1000000 and s, m or h");
    }
}

TEST_CASE("Redirects and rewrites are checked") {
    const auto route = [](const std::string& more) { return "[[route]]\npath = \"/u/{id}\"\n" + more; };
    says(problems(route("handler = \"redirect\"\n")), "route.to is missing");
    says(problems(route("handler = \"redirect\"\nto = \"/{ids}\"\n")),
         "spindle.toml:4:6: error: route.to has {ids}, which neither the path nor the request has (did you mean "
         "\"id\"?)");
    says(problems(route("handler = \"redirect\"\nto = \"/{id}\"\nstatus = 304\n")),
         "route.status of a redirect must be 301, 302, 303, 307 or 308, not 304");
    says(problems(route("handler = \"rewrite\"\nto = \"https://x\"\n")), "it must begin with /");
    says(problems(route("handler = \"sleep\"\nto = \"/\"\n")),
         "route.to is for the handlers redirect and rewrite only");
    CHECK(problems(route("handler = \"redirect\"\nto = \"{scheme}://{host}/{id}{uri}\"\n")) == "none");
    says(problems(route("handler = \"rewrite\"\nto = \"/{scheme}/{id}\"\n")), "route.to has {scheme}, which neither");
}

TEST_CASE("Headers that are the server's own are named with the reason, wherever they are asked for") {
    const auto rules = [](const std::string& line) { return "[responses]\n" + line + "\n"; };
    says(problems(rules("remove_headers = [\"X-A\", \"Server\"]")),
         "spindle.toml:2:26: error: remove_headers cannot name Server: each response has it, and the server makes it");
    says(problems(rules("set_headers = { date = \"1\" }")),
         "spindle.toml:2:17: error: set_headers cannot name date: each response has it, and the server makes it");
    says(problems(rules("add_headers = { Content-Length = \"1\" }")),
         "add_headers cannot name Content-Length: it tells where a message ends, which only the server knows");
    says(problems("[[site]]\nhosts = [\"a.test\"]\nremove_headers = [\"connection\"]\n"),
         "remove_headers cannot name connection: it tells what becomes of the connection, which only the server knows");
    for (const char* own : {"Transfer-Encoding", "Trailer", "Upgrade"}) {
        CAPTURE(own);
        says(problems("[[route]]\npath = \"/\"\nhandler = \"sleep\"\nset_headers = { " + std::string(own) +
                      " = \"1\" }\n"),
             "set_headers cannot name " + std::string(own));
    }
    CHECK(problems(rules("remove_headers = [\"ETag\", \"Server-Timing\"]")) == "none");
}

TEST_CASE("Headers and error pages are checked") {
    const auto rules = [](const std::string& line) { return "[responses]\n" + line + "\n"; };
    CHECK(problems(rules("set_headers = { X-A = \"b\" }")) == "none");
    for (const char* wrong : {"{ \"X A\" = \"b\" }", "{ X-A = 1 }", "{ X-A = \"a\\nb\" }", "[\"X-A\"]"}) {
        CAPTURE(wrong);
        says(problems(rules(std::string("set_headers = ") + wrong)),
             "responses.set_headers must be a table of header names");
    }
    says(problems(rules("error_pages = { 404 = \"none.html\" }")),
         "none.html cannot be read: No such file or directory");
    says(problems(rules("error_pages = { 200 = \"spindle.toml\" }")),
         "responses.error_pages must be a table of statuses");
    CHECK(problems(rules("error_pages = { 404 = \"spindle.toml\" }")) == "none");
}

TEST_CASE("Codings are words, each once, and precompressed files are for static routes") {
    const auto config = Folder("[compression]\nencodings = [\"zstd\", \"br\"]\n").load();
    REQUIRE(config);
    CHECK(config->compression.encodings == std::vector<std::string>{"zstd", "br"});
    CHECK(config->compression.min_bytes == 1024);
    says(problems("[compression]\nencodings = [\"br\", \"gzi\"]\n"),
         "compression.encodings must be a list of any of br, zstd, gzip, each once, not [\"br\", \"gzi\"] (did you "
         "mean "
         "\"gzip\"?)");
    says(problems("[compression]\nencodings = [\"br\", \"br\"]\n"), "each once");
    says(problems("[compression]\ntypes = [\"text\"]\n"), "compression.types must be a list of media types");
    says(problems("[compression]\ntypes = [\"text/html; charset=utf-8\"]\n"), "without parameters");
    says(problems("[[route]]\npath = \"/x\"\nhandler = \"sleep\"\nprecompressed = [\"br\"]\n"),
         "route.precompressed is for the handler static only");
    says(problems("[[route]]\npath = \"/\"\nhandler = \"static\"\nroot = \"site\"\nprecompressed = [\"deflate\"]\n"),
         "route.precompressed must be a list of any of br, zstd, gzip");
}

TEST_CASE("A wrong override is named as it was typed") {
    says(problems("", {"concurrency.backend=fibre"}),
         "--set concurrency.backend=fibre: error: concurrency.backend must be");
    says(problems("", {"limits.body_bites=1B"}),
         "there is no option limits.body_bites (did you mean \"limits.body_bytes\"?)");
    says(problems("", {"limits"}), "an override is OPTION=VALUE");
    says(problems("", {"log.access=true\nlevel = \"off\""}), "log.access must be true or false");
}

TEST_CASE("A log that cannot be opened is named, unless it will not be") {
    const std::string log = "[log]\nerror_path = \"none/error.log\"\naccess_path = \"none/access.log\"\n";
    const std::string report = problems(log);
    says(report, "spindle.toml:2:14: error: log.error_path must be a file to write to; ");
    says(report, "none/error.log is in a folder that is not there");
    says(report, "spindle.toml:3:15: error: log.access_path must be a file to write to; ");
    CHECK(problems(log, {"log.error_path=stderr", "log.access=false"}) == "none");
    says(problems("[log]\nerror_path = \"stderr\"\n", {"log.error_path=none/error.log"}),
         "spindle.toml: error: log.error_path must be a file to write to; ");
}

TEST_CASE("A missing file is named") {
    const auto config = load("/no/such/file.toml", {}, kHandlers);
    REQUIRE_FALSE(config);
    says(config.error(), "/no/such/file.toml: error: the configuration cannot be read: No such file or directory");
}

TEST_CASE("A dump loads to the same dump") {
    const Folder folder(
        "[timeouts]\nidle = \"77s\"\n[[route]]\npath = \"/\"\nhandler = \"static\"\nroot = \"site\"\nindex = "
        "[\"a\\\"b.html\"]\nprecompressed = [\"br\"]\nsymlinks = \"within\"\n[responses]\nset_headers = { X-A = "
        "\"\\\"b\" "
        "}\nsecurity_headers = false\nerror_pages = { "
        "404 = "
        "\"spindle.toml\" }\n[[site]]\nhosts = [\"a.test\"]\ncors_max_age = \"5m\"\n[[site.route]]\npath = "
        "\"/{a}\"\nhandler = \"redirect\"\nto = \"/{a}\"\n");
    const auto config = folder.load();
    REQUIRE(config);
    const std::string text = dump(*config);
    says(text, "idle = \"77s\"");
    const Folder again(text);
    const auto reloaded = again.load();
    REQUIRE(reloaded);
    CHECK(dump(*reloaded) == text);
}
