// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/stacks.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "runtime/sanitizers.hpp"

using namespace spindle::runtime;

namespace {

std::size_t mappings_of_the_process() {
    std::ifstream maps("/proc/self/maps");
    std::string line;
    std::size_t count = 0;
    while (std::getline(maps, line)) ++count;
    return count;
}

// The guard page of a stack lies right below its base; asked of the kernel, which cannot fault.
bool readable(const std::byte* address) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const bool ok = ::write(ends[1], address, 1) == 1;
    ::close(ends[0]);
    ::close(ends[1]);
    return ok;
}

// Whether this kernel has MADV_GUARD_INSTALL (102, Linux 6.13), asked of memory that has nothing to do with stacks.
bool kernel_installs_guards() {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* memory = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    const bool installed = ::madvise(memory, page, 102) == 0 && !readable(static_cast<const std::byte*>(memory));
    ::munmap(memory, page);
    return installed;
}

// What /proc/self/smaps says of the mapping that holds `address`.
std::string flags_of_mapping(const void* address) {
    std::ifstream maps("/proc/self/smaps");
    bool inside = false;
    for (std::string line; std::getline(maps, line);) {
        std::uintptr_t begin = 0;
        std::uintptr_t end = 0;
        char dash = 0;
        std::istringstream range(line);
        if (range >> std::hex >> begin >> dash >> end && dash == '-')
            inside =
                begin <= reinterpret_cast<std::uintptr_t>(address) && reinterpret_cast<std::uintptr_t>(address) < end;
        if (inside && line.starts_with("VmFlags:")) return line + ' ';
    }
    return {};
}

}  // namespace

TEST_CASE("a stack is writable from its base to its record and nowhere below") {
    for (StackGuard guard : {StackGuard::best, StackGuard::mprotect}) {
        StackSlabs slabs(64 * 1024, guard);
        Stack* below = slabs.take();
        Stack* stack = slabs.take();
        std::memset(stack->base, 0x5a, stack->size);
        CHECK(stack->base + stack->size == reinterpret_cast<std::byte*>(stack));
        CHECK_FALSE(stack->canary);
        CHECK(readable(stack->base));
        CHECK_FALSE(readable(stack->base - 1));
        CHECK(is_guard_page(stack->base - 1));
        CHECK(is_guard_page(stack->base - ::sysconf(_SC_PAGESIZE)));
        CHECK_FALSE(is_guard_page(stack->base));
        CHECK_FALSE(is_guard_page(stack));
        CHECK(guarded_stack_size(stack->base - 1) == 64 * 1024);
        slabs.give(stack);
        slabs.give(below);
    }
}

TEST_CASE("an address outside of every slab is no guard page") {
    int local = 0;
    CHECK_FALSE(is_guard_page(&local));
    CHECK_FALSE(is_guard_page(nullptr));
    std::byte* gone = nullptr;
    {
        StackSlabs slabs(64 * 1024);
        Stack* stack = slabs.take();
        gone = stack->base - 1;
        slabs.give(stack);
        CHECK(is_guard_page(gone));
    }
    CHECK_FALSE(is_guard_page(gone));
}

TEST_CASE("stack sizes are rounded up to pages and have a minimum") {
    CHECK(StackSlabs(1).stack_size() == StackSlabs::kStackSizeMin);
    CHECK(StackSlabs(100'000).stack_size() % static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) == 0);
    CHECK(StackSlabs(100'000).stack_size() >= 100'000);
}

TEST_CASE("stack tops are spread over sixteen cache lines") {
    StackSlabs slabs(64 * 1024);
    std::vector<Stack*> stacks(32);
    REQUIRE(slabs.take(stacks) == stacks.size());
    std::set<std::uintptr_t> offsets;
    for (Stack* stack : stacks) offsets.insert(reinterpret_cast<std::uintptr_t>(stack) % 4096);
    CHECK(offsets.size() == 16);
    slabs.give(stacks);
}

TEST_CASE("the stack given back last is taken first and counters follow") {
    StackSlabs slabs(64 * 1024);
    CHECK(slabs.mapped_bytes() == 0);
    Stack* a = slabs.take();
    Stack* b = slabs.take();
    CHECK(slabs.taken() == 2);
    slabs.give(a);
    slabs.give(b);
    CHECK(slabs.taken() == 0);
    CHECK(slabs.take() == b);
    CHECK(slabs.take() == a);
    CHECK(slabs.made() == 2);
    CHECK(slabs.mapped_bytes() == 16 * 64 * 1024);
    slabs.give(a);
    slabs.give(b);
}

TEST_CASE("many stacks cost few mappings where the kernel has guard installation") {
    const std::size_t before = mappings_of_the_process();
    StackSlabs slabs(256 * 1024);
    std::vector<Stack*> stacks(5000);
    REQUIRE(slabs.take(stacks) == stacks.size());
    CHECK(std::set<Stack*>(stacks.begin(), stacks.end()).size() == stacks.size());
    Stack* last = stacks.back();
    if (kernel_installs_guards()) CHECK(mappings_of_the_process() < before + 100);
    else CHECK(mappings_of_the_process() > before + 4000);
    CHECK_FALSE(last->canary);
    slabs.give(stacks);
}

TEST_CASE("stacks are never in huge pages, which would make each of them resident at once") {
    StackSlabs slabs(256 * 1024);
    Stack* stack = slabs.take();
    const std::string flags = flags_of_mapping(stack->base + stack->size / 2);
    CAPTURE(flags);
    CHECK(flags.starts_with("VmFlags:"));
    CHECK(flags.contains(" nh "));
    slabs.give(stack);
}

#if !defined(SPINDLE_ASAN) && !defined(SPINDLE_TSAN)  // whose shadows are larger than any limit
TEST_CASE("where address space is short, fewer stacks are mapped at once") {
    StackSlabs slabs(256 * 1024);
    std::vector<Stack*> stacks;
    for (int i = 0; i < 16 + 32 + 64 + 128; ++i) stacks.push_back(slabs.take());  // the next ones would be 64 MiB
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_AS, &before) == 0);
    const rlimit little{pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + (12 << 20), before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_AS, &little) == 0);
    for (int i = 0; i < 20; ++i) stacks.push_back(slabs.take());
    REQUIRE(::setrlimit(RLIMIT_AS, &before) == 0);
    CHECK(std::ranges::count(stacks, nullptr) == 0);
    for (Stack* stack : stacks) {
        if (stack != nullptr) slabs.give(stack);
    }
}
#endif

TEST_CASE("without a guard page a canary tells of an overflow") {
    StackSlabs slabs(64 * 1024, StackGuard::canary);
    Stack* stack = slabs.take();
    CHECK(stack->canary);
    CHECK(stack->intact());
    const std::byte former = stack->base[5];
    stack->base[5] = std::byte{0};
    CHECK_FALSE(stack->intact());
    stack->base[5] = former;
    slabs.give(stack);
}

TEST_CASE("a stack cache gives back warm stacks first and its colder half when full") {
    StackSlabs slabs(64 * 1024);
    {
        StackCache cache(slabs, 4);
        std::vector<Stack*> stacks(6);
        for (Stack*& stack : stacks) stack = cache.take();
        REQUIRE(std::none_of(stacks.begin(), stacks.end(), [](Stack* stack) { return stack == nullptr; }));
        while (cache.size() > 0) stacks.push_back(cache.take());
        const std::size_t out = stacks.size();
        for (Stack* stack : stacks) cache.give(stack);
        CHECK(cache.size() <= 4);
        CHECK(slabs.taken() == cache.size());
        CHECK(cache.take() == stacks.back());
        cache.give(stacks.back());
        CHECK(slabs.made() == out);
    }
    CHECK(slabs.taken() == 0);
}

TEST_CASE("threads take and give stacks at once") {
    StackSlabs slabs(64 * 1024);
    auto worker = [&] {
        StackCache cache(slabs, 8);
        std::vector<Stack*> held;
        for (int round = 0; round < 300; ++round) {
            for (int i = 0; i < 20; ++i) {
                Stack* stack = cache.take();
                stack->base[stack->size - 1] = std::byte(round);
                held.push_back(stack);
            }
            while (!held.empty()) {
                cache.give(held.back());
                held.pop_back();
            }
        }
    };
    std::thread one(worker), other(worker);
    one.join();
    other.join();
    CHECK(slabs.taken() == 0);
    CHECK(slabs.made() <= 2 * 28 + 8);
}
