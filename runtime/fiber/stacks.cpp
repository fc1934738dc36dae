// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/stacks.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
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

void* map_stacks(std::size_t bytes) noexcept {
    return ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1,
                  0);
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
    std::size_t first_index = 0;  // of its stacks
    std::size_t made = 0;         // by the StackSlabs' mutex_
    Slab* older = nullptr;        // the next slab of the same StackSlabs
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

bool Stack::canary_lives() const noexcept {
    const auto* words = reinterpret_cast<const std::uint64_t*>(base);
    return std::all_of(words, words + kCanaryWords, [](std::uint64_t word) { return word == kCanary; });
}

// Without the page that holds the canary.
std::span<std::byte> Stack::pages_below(const std::byte* end) const noexcept {
    const std::size_t page = page_bytes();
    std::byte* first = canary ? base + page : base;
    const auto bytes = end > first ? static_cast<std::size_t>(end - first) / page * page : 0;
    return {first, bytes};
}

const std::byte* lowest_resident(std::span<const std::byte> pages) noexcept {
    constexpr std::size_t kPagesAtOnce = 256;
    const std::size_t page = page_bytes();
    std::array<unsigned char, kPagesAtOnce> resident{};
    for (std::size_t done = 0; done < pages.size(); done += kPagesAtOnce * page) {
        const auto part = pages.subspan(done, std::min(pages.size() - done, kPagesAtOnce * page));
        if (::mincore(const_cast<std::byte*>(part.data()), part.size(), resident.data()) != 0) return nullptr;
        for (std::size_t i = 0; i < part.size() / page; ++i) {
            if ((resident[i] & 1) != 0) return part.data() + i * page;
        }
    }
    return nullptr;
}

// One call for all where the kernel has it (6.13); one TLB shoot-down then serves all of them.
void give_back_pages(std::span<const std::span<std::byte>> ranges) noexcept {
    if (ranges.empty()) return;
    std::array<iovec, StackSlabs::kTrimBatch> vectors{};
    const std::size_t count = std::min(ranges.size(), vectors.size());
    for (std::size_t i = 0; i < count; ++i) vectors[i] = {ranges[i].data(), ranges[i].size()};
    std::size_t done = 0;  // ranges
    if (const auto self = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)); self >= 0) {
        long bytes = ::syscall(SYS_process_madvise, self, vectors.data(), count, MADV_DONTNEED, 0);
        ::close(self);
        for (; done < count && bytes >= static_cast<long>(vectors[done].iov_len); ++done) {
            bytes -= static_cast<long>(vectors[done].iov_len);
        }
    }
    for (; done < count; ++done) (void)::madvise(vectors[done].iov_base, vectors[done].iov_len, MADV_DONTNEED);
    give_back_pages(ranges.subspan(count));
}

StackSlabs::StackSlabs(std::size_t stack_size, StackGuard guard)
    : slot_bytes_(round_up(std::max(stack_size, kStackSizeMin), page_bytes())),
      guard_(guard),
      slab_slots_next_(kFirstSlabSlots) {}

StackSlabs::~StackSlabs() {
    CHECK_THAT(taken() == 0);
    for (Stack* list : {free_, resting_, trimmed_}) {
        for (Stack* stack = list; stack != nullptr; stack = stack->next) retire_context(stack->context);
    }
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
    Stack*& list = free_ != nullptr ? free_ : resting_ != nullptr ? resting_ : trimmed_;
    Stack* stack = list;
    if (stack != nullptr) {
        list = stack->next;
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

// ---- trimming and measuring

void StackSlabs::rest() {
    std::lock_guard lock(mutex_);
    if (resting_ == nullptr) std::swap(resting_, free_);
}

// Stacks that are being trimmed are in no list: a burst meanwhile makes a few more.
bool StackSlabs::trim_some() {
    Stack* batch = nullptr;
    Stack* last = nullptr;
    bool more = false;
    {
        std::lock_guard lock(mutex_);
        batch = resting_;
        Stack* stack = batch;
        for (std::size_t i = 0; i < kTrimBatch && stack != nullptr; ++i, stack = stack->next) last = stack;
        resting_ = stack;
        more = stack != nullptr;
    }
    if (batch == nullptr) return false;
    last->next = nullptr;

    std::array<std::span<std::byte>, kTrimBatch> ranges;
    std::size_t count = 0;
    for (const Stack* stack = batch; stack != nullptr; stack = stack->next) {
        const auto pages = stack->pages_below(stack->base + stack->size - std::min(kKeptBytes, stack->size));
        const std::byte* lowest = lowest_resident(pages);
        if (lowest == nullptr) continue;
        note_use(*stack, lowest);
        ranges[count++] = pages;
    }
    give_back_pages(std::span(ranges.data(), count));

    std::lock_guard lock(mutex_);
    last->next = trimmed_;
    trimmed_ = batch;
    return more;
}

void StackSlabs::note_use(const Stack& stack, const std::byte* lowest_resident) noexcept {
    const auto bytes = static_cast<std::size_t>(stack.base + stack.size - lowest_resident);
    std::size_t known = high_water_bytes();
    while (bytes > known && !high_water_.compare_exchange_weak(known, bytes, std::memory_order_relaxed)) {
    }
}

// Stacks are never unmade, so what was found under the lock may be looked at without it. Of a stack that is in use
// only the immutable fields are read; the rest the kernel tells.
void StackSlabs::measure_high_water() {
    std::array<const Stack*, 256> stacks{};
    std::size_t seen = 0;
    while (const std::size_t count = made_since(seen, stacks)) {
        seen += count;
        for (const Stack* stack : std::span(stacks.data(), count)) {
            const std::byte* lowest = lowest_resident(stack->pages_below(stack->base + stack->size));
            if (lowest != nullptr) note_use(*stack, lowest);
        }
    }
}

// Fills `into` with stacks from number `first` on, all of one slab; 0: there are no more.
std::size_t StackSlabs::made_since(std::size_t first, std::span<const Stack*> into) {
    std::lock_guard lock(mutex_);
    const Slab* slab = slabs_;
    while (slab != nullptr && slab->first_index > first) slab = slab->older;
    if (slab == nullptr) return 0;
    const std::size_t end = std::min(slab->first_index + slab->made, first + into.size());
    for (std::size_t index = first; index < end; ++index) into[index - first] = record_of(*slab, index);
    return end - first;
}

// Where a stack's record lies, whether it is made or not.
Stack* StackSlabs::record_of(const Slab& slab, std::size_t index) const noexcept {
    std::byte* slot = slab.base + (index - slab.first_index) * slot_bytes_;
    return reinterpret_cast<Stack*>(slot + slot_bytes_ - index % kColours * kColourBytes - sizeof(Stack));
}

// Lays out the next slot, in a new slab if need be; see the head of the header.
Stack* StackSlabs::make_locked() {
    if ((slabs_ == nullptr || slabs_->made == slabs_->slots) && !map_slab_locked()) return nullptr;
    const auto index = static_cast<unsigned>(made());
    std::byte* slot = slabs_->base + slabs_->made * slot_bytes_;
    auto* stack = new (record_of(*slabs_, index)) Stack;
    stack->base = slot + page_bytes();
    stack->size = static_cast<std::size_t>(reinterpret_cast<std::byte*>(stack) - stack->base);
    stack->index = index;
    if (!install_guard_locked(slot)) {
        stack->canary = true;
        std::fill_n(reinterpret_cast<std::uint64_t*>(stack->base), kCanaryWords, kCanary);
    }
    ++slabs_->made;
    made_.store(made() + 1, std::memory_order_relaxed);
    return stack;
}

// Where so much address space is not to be had (RLIMIT_AS, overcommit_memory 2), a smaller one.
bool StackSlabs::map_slab_locked() {
    std::size_t slots = slab_slots_next_;
    void* memory = map_stacks(slots * slot_bytes_);
    while (memory == MAP_FAILED && slots > kFirstSlabSlots) {
        slots = std::max(kFirstSlabSlots, slots / 2);
        memory = map_stacks(slots * slot_bytes_);
    }
    if (memory == MAP_FAILED) return false;
    const std::size_t bytes = slots * slot_bytes_;
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
    slab->first_index = made();
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
    if (count_ == stacks_max_) give_colder(count_ / 2);
}

void StackCache::rest() {
    give_colder(std::min(least_, count_));
    least_ = count_;
}

void StackCache::give_colder(unsigned count) {
    slabs_.give(std::span<Stack* const>(pile_.get(), count));
    std::copy(pile_.get() + count, pile_.get() + count_, pile_.get());
    count_ -= count;
    least_ = std::min(least_, count_);
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
