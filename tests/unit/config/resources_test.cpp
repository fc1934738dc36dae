// SPDX-License-Identifier: Apache-2.0
#include "config/resources.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include <unistd.h>

using namespace spindle::config;

namespace {

/// A made-up /proc/self/cgroup and /sys/fs/cgroup.
struct Machine {
    Machine() {
        std::string name = (std::filesystem::temp_directory_path() / "spindle_cgroup_XXXXXX").string();
        root = ::mkdtemp(name.data());
    }
    ~Machine() { std::filesystem::remove_all(root); }
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    void write(const std::filesystem::path& file, const std::string& text) const {
        std::filesystem::create_directories((root / file).parent_path());
        std::ofstream(root / file) << text;
    }
    [[nodiscard]] unsigned cpus() const { return cgroup_cpus(root / "proc_cgroup", root / "fs"); }
    std::filesystem::path root;
};

}  // namespace

TEST_CASE("A quota of cgroup v2 is rounded up") {
    const Machine machine;
    machine.write("proc_cgroup", "0::/web\n");
    machine.write("fs/web/cpu.max", "150000 100000\n");
    CHECK(machine.cpus() == 2);
}

TEST_CASE("The smallest quota on the way up counts") {
    const Machine machine;
    machine.write("proc_cgroup", "0::/web/spindle\n");
    machine.write("fs/web/cpu.max", "100000 100000\n");
    machine.write("fs/web/spindle/cpu.max", "400000 100000\n");
    CHECK(machine.cpus() == 1);
}

TEST_CASE("No quota is 0") {
    const Machine machine;
    CHECK(machine.cpus() == 0);
    machine.write("proc_cgroup", "0::/\n");
    machine.write("fs/cpu.max", "max 100000\n");
    CHECK(machine.cpus() == 0);
}

TEST_CASE("There is always a CPU") { CHECK(usable_cpus() >= 1); }
