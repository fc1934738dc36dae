// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/encoded_cache.hpp"

namespace spindle::handlers {

EncodedCache::Found EncodedCache::look(const Key& key) {
    const std::lock_guard lock(mutex_);
    const auto [at, fresh] = entries_.try_emplace(key, Entry{nullptr, used_.end()});
    if (fresh) return {State::claimed, nullptr};
    Entry& entry = at->second;
    if (entry.used == used_.end()) return {State::busy, nullptr};
    used_.splice(used_.begin(), used_, entry.used);
    return {State::known, entry.bytes};
}

std::size_t EncodedCache::bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
}

void EncodedCache::put(const Key& key, Bytes bytes) {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_.at(key);
    used_.push_front(key);
    entry.used = used_.begin();
    entry.bytes = std::move(bytes);
    bytes_ += cost_of(entry.bytes);
    while (bytes_ > bytes_max_) {
        const auto oldest = entries_.find(used_.back());
        bytes_ -= cost_of(oldest->second.bytes);
        entries_.erase(oldest);
        used_.pop_back();
    }
}

void EncodedCache::forget(const Key& key) noexcept {
    const std::lock_guard lock(mutex_);
    entries_.erase(key);
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
