// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/encoded_cache.hpp"

namespace spindle::handlers {

EncodedCache::Found EncodedCache::look(const Key& key) {
    const std::lock_guard lock(mutex_);
    if (const Bytes* const known = known_.find(key); known != nullptr) return {State::known, *known};
    if (!held_.has_room_for(static_cast<std::size_t>(key.size))) return {State::full, nullptr};
    return {claimed_.insert(key).second ? State::claimed : State::busy, nullptr};
}

std::size_t EncodedCache::bytes() const {
    const std::lock_guard lock(mutex_);
    return known_.cost();
}

void EncodedCache::put(const Key& key, Bytes bytes) {
    const std::lock_guard lock(mutex_);
    claimed_.erase(key);
    const std::size_t cost = kEntryBytes + (bytes ? bytes->capacity() : 0);
    known_.put(key, std::move(bytes), cost, bytes_max_);
}

void EncodedCache::forget(const Key& key) noexcept {
    const std::lock_guard lock(mutex_);
    claimed_.erase(key);
}

std::size_t EncodedCache::Hash::operator()(const Key& key) const noexcept {
    std::size_t hash = 0;
    for (const std::uint64_t part :
         {static_cast<std::uint64_t>(key.device), static_cast<std::uint64_t>(key.inode),
          static_cast<std::uint64_t>(key.seconds), static_cast<std::uint64_t>(key.nanoseconds),
          static_cast<std::uint64_t>(key.size), static_cast<std::uint64_t>(key.coding)}) {
        hash = (hash ^ part) * 0x9e37'79b9'7f4a'7c15U;
        hash ^= hash >> 32;
    }
    return hash;
}

}  // namespace spindle::handlers
