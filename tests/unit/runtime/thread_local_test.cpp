// SPDX-License-Identifier: Apache-2.0
//
// After a wait a flow may run on another thread. The compiler does not know, and would gladly keep the address
// of a thread_local variable: so the runtime reads its own only in functions that are really called.
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <unistd.h>

#include "on_every_backend.hpp"
#include "runtime/sync.hpp"

using namespace spindle::runtime;
using namespace spindle::test;

namespace {

/// How often this very program, disassembled, calls each of `names` (as c++filt writes them), and whether it has them.
std::map<std::string, int> calls_in_this_program(const std::vector<std::string>& names) {
    std::map<std::string, int> calls;
    const std::string program = std::filesystem::read_symlink("/proc/self/exe");
    const std::string command = "objdump -d -C --no-show-raw-insn '" + program + "'";
    FILE* listing = ::popen(command.c_str(), "r");
    REQUIRE(listing != nullptr);
    char line[4096];
    while (std::fgets(line, sizeof line, listing) != nullptr) {
        const std::string text = line;
        if (text.find("call") == std::string::npos && text.find("\tbl") == std::string::npos) continue;
        for (const std::string& name : names) {
            if (text.find("<" + name + ">") != std::string::npos) ++calls[name];
        }
    }
    REQUIRE(::pclose(listing) == 0);
    return calls;
}

}  // namespace

TEST_CASE("the runtime's per-thread state is read by calls, not inlined") {
    const std::string scope = "spindle::runtime::";
    const std::vector<std::string> names{scope + "current_worker()", scope + "current_worker_or_null()",
                                         scope + "this_machine()", scope + "io_error()",
                                         scope + "set_current_worker(spindle::runtime::Worker*)"};
    const auto calls = calls_in_this_program(names);
    for (const std::string& name : names) {
        CAPTURE(name);
        CHECK(calls.contains(name));
    }
    CHECK(calls.at(names[0]) > 20);
}

TEST_CASE("after each wait the runtime knows on which worker and thread the flow is") {
    on_every_backend([](Run& run) -> task<void> {
        WaitGroup group;
        const auto flow = [&]() -> task<void> {
            for (int i = 0; i < 50; ++i) {
                co_await yield();
                const WorkerIdentity before = current_identity();
                CHECK(before.backend == std::string(run.backend.name()));
                CHECK(before.thread == ::gettid());
            }
            group.done();
        };
        constexpr int kFlows = 50 / kThrift;
        group.add(kFlows);
        for (int i = 0; i < kFlows; ++i) spawn(flow());
        const Result<void> ended = co_await group.wait();
        CHECK(ended.has_value());
    });
}
