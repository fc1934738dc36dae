// SPDX-License-Identifier: Apache-2.0
//
// Stacks for fibers: slabs of address space, a shared free list, and a small cache for each
// processor.
//
// A slot of `stack_size` bytes is, from low to high: one guard page, the memory that frames grow
// down into, the Stack record itself, and up to 960 bytes of colour. The record shares its page
// with the first frames (one TLB entry, and the page is resident anyway); the colour keeps the tops
// of stacks, which all have the same page offset, from fighting for the same few sets of the L1 and
// L2 caches.
//
// Address space is mapped a slab at a time (the first slabs small, later ones 64 MiB), never
// reserved, never returned before the end; a slot costs nothing until it is first taken. Huge pages
// are off: with them a stack that used one page would hold 64 KiB and more.
//
// Guards, best first: MADV_GUARD_INSTALL (Linux 6.13, no mapping split, any number), mprotect (two
// mappings a stack, so only for the first 30,000: vm.max_map_count is 65,530), else a canary that
// is looked at when a handler ends and when a stack is given back, and one warning.
//
// Trimming. A stack that ran deep keeps the pages. One that has lain free for a while gives back what is
// beyond its first 16 KiB: rest() marks what is free now, and trim_some(), some time later, trims what is
// still free of that. Both are for a thread with time (StackTrimmer), never for a machine. How deep stacks
// were used is what the kernel says is resident (mincore); nothing is painted, since painting would make
// it resident.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "runtime/fiber/context.hpp"

namespace spindle::runtime {

inline constexpr std::size_t kCacheLine = 64;

/// One stack. Lives at the stack's own top. Written by its holder only.
struct alignas(kCacheLine) Stack {
    Context context;            ///< of whatever is parked upon this stack
    std::byte* base = nullptr;  ///< lowest usable byte, above the guard page; immutable
    std::size_t size = 0;       ///< usable bytes, ending at the record; immutable
    Stack* next = nullptr;      ///< for whoever holds the stack; the free list's while it is free
    unsigned index = 0;         ///< counts the stacks of its StackSlabs from 0; immutable
    bool canary = false;        ///< no guard page: overflow shows only in the canary; immutable

    [[nodiscard]] std::span<std::byte> memory() const noexcept { return {base, size}; }
    /// The whole pages below `end` that hold nothing if nothing below `end` is in use: what trimming gives back.
    [[nodiscard]] std::span<std::byte> pages_below(const std::byte* end) const noexcept;
    /// False when frames have run over the canary. Always true with a guard page.
    [[nodiscard]] bool intact() const noexcept { return !canary || canary_lives(); }

  private:
    [[nodiscard]] bool canary_lives() const noexcept;
};

/// How stacks are guarded. `best` falls back by itself; the others exist for tests and for
/// measuring.
enum class StackGuard : std::uint8_t { best, mprotect, canary };

/// Makes stacks of one size. Thread-safe. Must outlive its stacks: the destructor checks that none
/// is out.
class StackSlabs {
  public:
    static constexpr std::size_t kStackSizeMin = 16 * 1024;
    static constexpr std::size_t kSlabBytesMax = 64u << 20;

    /// `stack_size` is rounded up to pages, at least kStackSizeMin, and includes the guard page.
    explicit StackSlabs(std::size_t stack_size, StackGuard guard = StackGuard::best);
    ~StackSlabs();
    StackSlabs(const StackSlabs&) = delete;
    StackSlabs& operator=(const StackSlabs&) = delete;

    /// A stack, the one given back last if there is one. Null when the kernel refuses address
    /// space; errno says why. Contents are whatever the former user left.
    [[nodiscard]] Stack* take();
    /// Fills `wanted` from the front and returns how many there are: fewer only as above.
    [[nodiscard]] std::size_t take(std::span<Stack*> wanted);

    /// Gives a stack back. Nothing may run upon it. A canary run over ends the process.
    void give(Stack* stack);
    void give(std::span<Stack* const> stacks);

    static constexpr std::size_t kKeptBytes = 16 * 1024;  ///< that trimming leaves at the top of a stack

    /// What is free now counts as resting, unless some of what rested before is still to be trimmed.
    void rest();
    /// Trims up to kTrimBatch resting stacks, in one system call. False: there are no more.
    static constexpr std::size_t kTrimBatch = 128;
    bool trim_some();

    /// The deepest use of any stack that has been noticed, in bytes from its top, to a page.
    [[nodiscard]] std::size_t high_water_bytes() const noexcept { return high_water_.load(std::memory_order_relaxed); }
    /// Looks at all stacks, in use or not: some 50 µs for 256 of them.
    void measure_high_water();
    /// For who is about to give pages of a stack back himself.
    void note_use(const Stack& stack, const std::byte* lowest_resident) noexcept;

    [[nodiscard]] std::size_t stack_size() const noexcept { return slot_bytes_; }
    /// Stacks taken and not given back, those in caches among them.
    [[nodiscard]] std::size_t taken() const noexcept { return taken_.load(std::memory_order_relaxed); }
    /// Stacks ever made; each holds at least one resident page.
    [[nodiscard]] std::size_t made() const noexcept { return made_.load(std::memory_order_relaxed); }
    /// Address space of all slabs.
    [[nodiscard]] std::size_t mapped_bytes() const noexcept { return mapped_.load(std::memory_order_relaxed); }

  private:
    struct Slab;

    std::size_t made_since(std::size_t first, std::span<const Stack*> into);
    Stack* record_of(const Slab& slab, std::size_t index) const noexcept;
    Stack* take_locked();
    Stack* make_locked();
    bool map_slab_locked();
    bool install_guard_locked(std::byte* page);
    bool protect_locked(std::byte* page);

    const std::size_t slot_bytes_;
    std::mutex mutex_;
    StackGuard guard_;                   // by mutex_: the best that still works
    Stack* free_ = nullptr;              // by mutex_, as are the next two; taken from in this order
    Stack* resting_ = nullptr;           // free since rest()
    Stack* trimmed_ = nullptr;           // free, and trimmed
    Slab* slabs_ = nullptr;              // by mutex_: the newest first
    std::size_t slab_slots_next_;        // by mutex_
    std::atomic<std::size_t> taken_{0};  // written under mutex_, read by anyone; so the next two
    std::atomic<std::size_t> made_{0};
    std::atomic<std::size_t> mapped_{0};
    std::atomic<std::size_t> high_water_{0};  // raised by anyone

    friend std::size_t guarded_stack_size(const void* address) noexcept;
};

/// A bounded pile of stacks, the warmest on top, for one owner (a processor): no lock, no atomic.
/// Full, it gives the colder half to the slabs; empty, it takes a few.
class StackCache {
  public:
    explicit StackCache(StackSlabs& slabs, unsigned stacks_max = 64);
    ~StackCache();  ///< Gives all back.
    StackCache(const StackCache&) = delete;
    StackCache& operator=(const StackCache&) = delete;

    /// As StackSlabs::take.
    [[nodiscard]] Stack* take() {
        if (count_ == 0 && !refill()) [[unlikely]]
            return nullptr;
        if (--count_ < least_) least_ = count_;
        return pile_[count_];
    }
    /// As StackSlabs::give.
    void give(Stack* stack) {
        if (count_ == stacks_max_ || stack->canary) [[unlikely]] {
            give_slowly(*stack);
        }
        pile_[count_++] = stack;
    }
    [[nodiscard]] unsigned size() const noexcept { return count_; }
    /// Gives to the slabs what was not needed since the last time.
    void rest();

  private:
    bool refill();
    void give_slowly(const Stack& incoming);
    void give_colder(unsigned count);

    StackSlabs& slabs_;
    const unsigned stacks_max_;
    unsigned count_ = 0;
    unsigned least_ = 0;  // count_ at its lowest since rest(): so many were not needed
    std::unique_ptr<Stack*[]> pile_;
};

/// The lowest resident byte of `pages` (whole pages), or null: none is.
[[nodiscard]] const std::byte* lowest_resident(std::span<const std::byte> pages) noexcept;

/// Gives the pages back to the kernel, in as few system calls as it allows. They read as zero afterwards.
void give_back_pages(std::span<const std::span<std::byte>> ranges) noexcept;

/// True for an address in the guard page of any stack of the process. Safe in a signal handler.
[[nodiscard]] bool is_guard_page(const void* address) noexcept;

/// The stack_size of the slabs in whose guard page `address` lies, or 0. Safe in a signal handler.
[[nodiscard]] std::size_t guarded_stack_size(const void* address) noexcept;

}  // namespace spindle::runtime
