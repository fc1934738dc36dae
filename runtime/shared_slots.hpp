// SPDX-License-Identifier: Apache-2.0
//
// A slot of counters for each worker, in memory that processes forked later share: each worker writes its
// own, and anyone, a sibling too, reads all. Whoever replaces a dead worker folds its slot into one for the
// departed first, so that sums never go back.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <memory>
#include <new>
#include <span>

namespace spindle::runtime {

/// T: default-constructible atomics only, since it is used by several processes; with
/// `void absorb(const T& dead)`, which adds what a worker left behind.
template <class T>
class SharedSlots {
  public:
    /// std::bad_alloc where there is no memory to map.
    explicit SharedSlots(unsigned workers) : workers_(workers) {
        void* memory = ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        slots_ = static_cast<Slot*>(memory);
        std::uninitialized_default_construct_n(slots_, workers_ + 1);
    }
    ~SharedSlots() { ::munmap(static_cast<void*>(slots_), bytes()); }
    SharedSlots(const SharedSlots&) = delete;
    SharedSlots& operator=(const SharedSlots&) = delete;

    [[nodiscard]] unsigned size() const noexcept { return workers_; }
    [[nodiscard]] T& operator[](unsigned worker) noexcept { return slots_[worker].value; }
    [[nodiscard]] const T& operator[](unsigned worker) const noexcept { return slots_[worker].value; }
    /// What replaced workers left.
    [[nodiscard]] const T& departed() const noexcept { return slots_[workers_].value; }

    /// Empties the slot of a worker that is dead. Sums read meanwhile may count it twice, or not.
    void retire(unsigned worker) {
        slots_[workers_].value.absorb(slots_[worker].value);
        std::destroy_at(&slots_[worker]);
        std::construct_at(&slots_[worker]);
    }

  private:
    struct alignas(64) Slot {
        T value{};
    };
    [[nodiscard]] std::size_t bytes() const noexcept { return (workers_ + 1) * sizeof(Slot); }

    const unsigned workers_;
    Slot* slots_ = nullptr;
};

}  // namespace spindle::runtime
