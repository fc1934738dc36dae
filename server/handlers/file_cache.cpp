// SPDX-License-Identifier: Apache-2.0
#include "server/handlers/file_cache.hpp"

#include <functional>
#include <utility>

namespace spindle::handlers {

std::optional<FoundFile> FileCache::find(int root, std::string_view path, Clock::time_point now) {
    const Place place{root, path};
    Shard& shard = shard_of(place);
    const std::lock_guard lock(shard.mutex);
    const Seen* const seen = shard.seen.find(place);
    if (seen == nullptr || now - seen->at > valid_) return std::nullopt;
    return seen->found;
}

FilePointer FileCache::find_unchanged(int root, std::string_view path, const File& now) {
    const Place place{root, path};
    Shard& shard = shard_of(place);
    const std::lock_guard lock(shard.mutex);
    const Seen* const seen = shard.seen.find(place);
    if (seen == nullptr || !seen->found) return nullptr;
    const FilePointer& before = *seen->found;
    return same_state(before->status, now.status) ? before : nullptr;
}

void FileCache::put(int root, std::string_view path, FoundFile found, Clock::time_point now) {
    const bool has_bytes = found.has_value() && (*found)->bytes != nullptr;
    const std::size_t cost = kEntryBytes + path.size() + (has_bytes ? (*found)->bytes->capacity() : 0);
    Shard& shard = shard_of({root, path});
    const std::lock_guard lock(shard.mutex);
    shard.seen.put({root, std::string(path)}, {std::move(found), now}, cost, shard_bytes_max_);
}

std::size_t FileCache::bytes() const {
    std::size_t sum = 0;
    for (const Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        sum += shard.seen.cost();
    }
    return sum;
}

std::size_t FileCache::Hash::operator()(const Place& place) const noexcept {
    return std::hash<std::string_view>{}(place.path) + static_cast<std::size_t>(place.root);
}

}  // namespace spindle::handlers
