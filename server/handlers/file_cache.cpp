// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/file_cache.hpp"

#include <functional>
#include <utility>

namespace spindle::handlers {

std::optional<FoundFile> FileCache::find(int root, std::string_view path, Clock::time_point now) {
    const Place place{root, path};
    Shard& shard = shard_of(place);
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.by_place.find(place);
    if (at == shard.by_place.end() || now - at->second->seen > valid_) return std::nullopt;
    shard.entries.splice(shard.entries.begin(), shard.entries, at->second);
    return at->second->found;
}

FilePointer FileCache::find_unchanged(int root, std::string_view path, const File& now) {
    const Place place{root, path};
    Shard& shard = shard_of(place);
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.by_place.find(place);
    if (at == shard.by_place.end() || !at->second->found) return nullptr;
    const FilePointer& before = *at->second->found;
    return same_state(before->status, now.status) ? before : nullptr;
}

void FileCache::put(int root, std::string_view path, FoundFile found, Clock::time_point now) {
    Shard& shard = shard_of({root, path});
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.by_place.find({root, path});
    if (at != shard.by_place.end()) {
        Entry& entry = *at->second;
        shard.bytes -= entry.cost();
        entry.found = std::move(found);
        entry.seen = now;
        shard.bytes += entry.cost();
        shard.entries.splice(shard.entries.begin(), shard.entries, at->second);
    } else {
        shard.entries.push_front({root, std::string(path), std::move(found), now});
        const auto entry = shard.entries.begin();
        shard.by_place.emplace(Place{root, entry->path}, entry);
        shard.bytes += entry->cost();
    }
    while (shard.bytes > shard_bytes_max_) drop_oldest_locked(shard);
}

void FileCache::drop_oldest_locked(Shard& shard) {
    const Entry& oldest = shard.entries.back();
    shard.bytes -= oldest.cost();
    shard.by_place.erase({oldest.root, oldest.path});
    shard.entries.pop_back();
}

std::size_t FileCache::bytes() const {
    std::size_t sum = 0;
    for (const Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        sum += shard.bytes;
    }
    return sum;
}

std::size_t FileCache::Hash::operator()(const Place& place) const noexcept {
    return std::hash<std::string_view>{}(place.path) + static_cast<std::size_t>(place.root);
}

}  // namespace spindle::handlers
