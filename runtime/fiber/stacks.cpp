// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/stacks.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <new>

#include "runtime/error.hpp"

#ifdef SPINDLE_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace spindle::runtime {
namespace {

constexpr int kMadviseGuardInstall = 102;         // MADV_GUARD_INSTALL, newer than our headers
constexpr unsigned kProtectedGuardsMax = 30'000;  // of the process: each costs two mappings
constexpr std::uint64_t kCanary = 0x5ca1ab1e0ddba11bu;
constexpr std::size_t kCanaryWords = 8;
constexpr unsigned kColours = 16;
constexpr std::size_t kColourBytes = kCacheLine;
constexpr std::size_t kFirstSlabSlots = 16;

std::atomic<unsigned> protected_guards{0};

std::size_t page_bytes() noexcept {
    static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return bytes;
}

std::size_t round_up(std::size_t bytes, std::size_t unit) noexcept { return (bytes + unit - 1) / unit * unit; }

// The first success is checked: emulators answer 0 to advice that they do not know, and populating
// a real guard page fails.
bool guard_installs(std::byte* page) {
    static std::atomic<bool> proven{false};
    if (::madvise(page, page_bytes(), kMadviseGuardInstall) != 0) return false;
    if (proven.load(std::memory_order_relaxed)) return true;
    const bool works = ::madvise(page, page_bytes(), MADV_POPULATE_READ) != 0;
    proven.store(works, std::memory_order_relaxed);
    return works;
}

void warn_unguarded_once() {
    static std::atomic<bool> warned{false};
    if (warned.exchange(true)) return;
    std::fputs(
        "spindle: warning: no more guard pages to be had (Linux 6.13 has cheap ones; else raise "
        "vm.max_map_count): further fiber stacks notice an overflow only afterwards\n",
        stderr);
}

[[noreturn]] void die_of_overflow(const Stack& stack) {
    std::fprintf(stderr,
                 "spindle: stack overflow in a handler: usable stack %zu bytes, raise "
                 "concurrency.fiber.stack_size\n",
                 stack.size);
    std::abort();
}

}  // namespace

// Immutable but for `made`. All slabs of the process form one list that a signal handler may walk.
struct StackSlabs::Slab {
    std::byte* base = nullptr;
    std::size_t slots = 0;
    std::size_t slot_bytes = 0;
    std::size_t made = 0;   // by the StackSlabs' mutex_
    Slab* older = nullptr;  // the next slab of the same StackSlabs
    std::atomic<Slab*> next_in_process{nullptr};

    static inline std::mutex process_mutex;  // guards changes of the list, not walks
    static inline std::atomic<Slab*> process_list{nullptr};

    void enlist() {
        std::lock_guard lock(process_mutex);
        next_in_process.store(process_list.load(std::memory_order_relaxed), std::memory_order_relaxed);
        process_list.store(this, std::memory_order_release);
    }
    void delist() {
        std::lock_guard lock(process_mutex);
        std::atomic<Slab*>* link = &process_list;
        while (link->load(std::memory_order_relaxed) != this) {
            link = &link->load(std::memory_order_relaxed)->next_in_process;
        }
        link->store(next_in_process.load(std::memory_order_relaxed), std::memory_order_release);
    }
};

bool Stack::intact() const noexcept {
    if (!canary) return true;
    const auto* words = reinterpret_cast<const std::uint64_t*>(base);
    return std::all_of(words, words + kCanaryWords, [](std::uint64_t word) { return word == kCanary; });
}

StackSlabs::StackSlabs(std::size_t stack_size, StackGuard guard)
    : slot_bytes_(round_up(std::max(stack_size, kStackSizeMin), page_bytes())),
      guard_(guard),
      slab_slots_next_(kFirstSlabSlots) {}

StackSlabs::~StackSlabs() {
    CHECK_THAT(taken() == 0);
    for (Stack* stack = free_; stack != nullptr; stack = stack->next) retire_context(stack->context);
    while (Slab* slab = slabs_) {
        slabs_ = slab->older;
        slab->delist();
#ifdef SPINDLE_ASAN
        __asan_unpoison_memory_region(slab->base, slab->slots * slot_bytes_);  // another may map here
#endif
        ::munmap(slab->base, slab->slots * slot_bytes_);
        delete slab;
    }
}

Stack* StackSlabs::take() {
    std::lock_guard lock(mutex_);
    return take_locked();
}

std::size_t StackSlabs::take(std::span<Stack*> wanted) {
    std::lock_guard lock(mutex_);
    std::size_t count = 0;
    while (count < wanted.size() && (wanted[count] = take_locked()) != nullptr) ++count;
    return count;
}

Stack* StackSlabs::take_locked() {
    Stack* stack = free_;
    if (stack != nullptr) {
        free_ = stack->next;
    } else {
        stack = make_locked();
        if (stack == nullptr) return nullptr;
    }
    stack->next = nullptr;
    taken_.store(taken() + 1, std::memory_order_relaxed);
    return stack;
}

void StackSlabs::give(Stack* stack) { give(std::span<Stack* const>(&stack, 1)); }

void StackSlabs::give(std::span<Stack* const> stacks) {
    for (const Stack* stack : stacks) {
        if (!stack->intact()) die_of_overflow(*stack);
    }
    std::lock_guard lock(mutex_);
    CHECK_THAT(taken() >= stacks.size());
    for (Stack* stack : stacks) {
        stack->next = free_;
        free_ = stack;
    }
    taken_.store(taken() - stacks.size(), std::memory_order_relaxed);
}

// Lays out the next slot, in a new slab if need be; see the head of the header.
Stack* StackSlabs::make_locked() {
    if ((slabs_ == nullptr || slabs_->made == slabs_->slots) && !map_slab_locked()) return nullptr;
    const auto index = static_cast<unsigned>(made());
    std::byte* slot = slabs_->base + slabs_->made * slot_bytes_;
    const std::size_t colour = index % kColours * kColourBytes;
    std::byte* record = slot + slot_bytes_ - colour - sizeof(Stack);

    auto* stack = new (record) Stack;
    stack->base = slot + page_bytes();
    stack->size = static_cast<std::size_t>(record - stack->base);
    stack->index = index;
    if (!install_guard_locked(slot)) {
        stack->canary = true;
        std::fill_n(reinterpret_cast<std::uint64_t*>(stack->base), kCanaryWords, kCanary);
    }
    ++slabs_->made;
    made_.store(made() + 1, std::memory_order_relaxed);
    return stack;
}

bool StackSlabs::map_slab_locked() {
    const std::size_t slots = slab_slots_next_;
    const std::size_t bytes = slots * slot_bytes_;
    void* memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) return false;
    (void)::madvise(memory, bytes, MADV_NOHUGEPAGE);  // EINVAL: a kernel without huge pages

    auto* slab = new (std::nothrow) Slab;
    if (slab == nullptr) {
        ::munmap(memory, bytes);
        errno = ENOMEM;
        return false;
    }
    slab->base = static_cast<std::byte*>(memory);
    slab->slots = slots;
    slab->slot_bytes = slot_bytes_;
    slab->older = slabs_;
    slabs_ = slab;
    slab->enlist();
    mapped_.store(mapped_bytes() + bytes, std::memory_order_relaxed);
    slab_slots_next_ = std::max(kFirstSlabSlots, std::min(slots * 2, kSlabBytesMax / slot_bytes_));
    return true;
}

// False when the stack gets a canary instead.
bool StackSlabs::install_guard_locked(std::byte* page) {
    if (guard_ == StackGuard::best) {
        if (guard_installs(page)) return true;
        guard_ = StackGuard::mprotect;  // an older kernel, or memory locked by mlockall
    }
    if (guard_ == StackGuard::mprotect) {
        if (protect_locked(page)) return true;
        guard_ = StackGuard::canary;
        warn_unguarded_once();
    }
    return false;
}

bool StackSlabs::protect_locked(std::byte* page) {
    if (protected_guards.fetch_add(1, std::memory_order_relaxed) >= kProtectedGuardsMax) return false;
    return ::mprotect(page, page_bytes(), PROT_NONE) == 0;  // ENOMEM: vm.max_map_count
}

StackCache::StackCache(StackSlabs& slabs, unsigned stacks_max)
    : slabs_(slabs), stacks_max_(std::max(stacks_max, 2u)), pile_(new Stack*[stacks_max_]) {}

StackCache::~StackCache() { slabs_.give(std::span<Stack* const>(pile_.get(), count_)); }

bool StackCache::refill() {
    constexpr unsigned kBatch = 4;  // few: a stack that was made and is not used still holds a page
    count_ = static_cast<unsigned>(slabs_.take(std::span(pile_.get(), std::min(kBatch, stacks_max_ / 2))));
    return count_ != 0;
}

// Looks at the canary and makes room for one.
void StackCache::give_slowly(const Stack& incoming) {
    if (!incoming.intact()) die_of_overflow(incoming);
    if (count_ < stacks_max_) return;
    const unsigned colder = count_ / 2;
    slabs_.give(std::span<Stack* const>(pile_.get(), colder));
    std::copy(pile_.get() + colder, pile_.get() + count_, pile_.get());
    count_ -= colder;
}

std::size_t guarded_stack_size(const void* address) noexcept {
    using Slab = StackSlabs::Slab;
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    for (const Slab* slab = Slab::process_list.load(std::memory_order_acquire); slab != nullptr;
         slab = slab->next_in_process.load(std::memory_order_acquire)) {
        const auto base = reinterpret_cast<std::uintptr_t>(slab->base);
        if (wanted < base || wanted - base >= slab->slots * slab->slot_bytes) continue;
        return (wanted - base) % slab->slot_bytes < page_bytes() ? slab->slot_bytes : 0;
    }
    return 0;
}

bool is_guard_page(const void* address) noexcept { return guarded_stack_size(address) != 0; }

}  // namespace spindle::runtime
