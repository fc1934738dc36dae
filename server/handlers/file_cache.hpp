// SPDX-License-Identifier: Apache-2.0
//
// What lay at a path a moment ago: files small enough to be held in memory, and paths at which there is nothing. The
// most recently used ones up to a number of bytes; each is believed for a time, then looked at again. Holds no
// descriptors: those are for connections. A process has one; any thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "runtime/small_mutex.hpp"
#include "server/handlers/file.hpp"
#include "server/handlers/held_bytes.hpp"
#include "server/handlers/lru.hpp"

namespace spindle::handlers {

class FileCache {
  public:
    using Clock = std::chrono::steady_clock;

    explicit FileCache(const config::Files& options)
        : file_bytes_max_(options.cache_file_bytes),
          shard_bytes_max_(options.cache_bytes / kShards),
          valid_(options.cache_valid),
          held_(options.cache_bytes) {}

    [[nodiscard]] bool holds(const File& file) const noexcept {
        return !file.is_folder() && file.size() <= file_bytes_max_ && held_.has_room_for(file.size());
    }
    /// For a file that is put() there: they count until nobody has them any more.
    [[nodiscard]] http::SharedBytes hold(std::string bytes) const { return held_.hold(std::move(bytes)); }

    /// What was found at `path` beneath the folder with the descriptor `root`, not longer ago than it is believed.
    [[nodiscard]] std::optional<FoundFile> find(int root, std::string_view path, Clock::time_point now);

    /// The file that was there, however long ago, if it has not changed since; else null.
    [[nodiscard]] FilePointer find_unchanged(int root, std::string_view path, const File& now);

    /// `found`: errno, or a file that it `holds` with its bytes.
    void put(int root, std::string_view path, FoundFile found, Clock::time_point now);

    /// Of what is kept, with what keeping costs.
    [[nodiscard]] std::size_t bytes() const;

  private:
    struct Place {
        int root;
        std::string_view path;
        bool operator==(const Place&) const = default;
    };
    struct Hash {
        std::size_t operator()(const Place& place) const noexcept;
    };
    struct OwnedPlace {
        int root;
        std::string path;
        operator Place() const noexcept { return {root, path}; }
    };
    struct Seen {
        FoundFile found;
        Clock::time_point at;
    };
    /// Locked on its own, so that processors seldom meet.
    struct Shard {
        mutable runtime::SmallMutex mutex;
        Lru<OwnedPlace, Seen, Hash, Place> seen;  ///< guarded by mutex; its costs are bytes
    };

    [[nodiscard]] Shard& shard_of(const Place& place) noexcept { return shards_[Hash{}(place) % kShards]; }

    static constexpr std::size_t kEntryBytes = 512;
    static constexpr std::size_t kShards = 16;

    const std::size_t file_bytes_max_;
    const std::size_t shard_bytes_max_;
    const Clock::duration valid_;
    const HeldBytes held_;
    std::array<Shard, kShards> shards_;
};

}  // namespace spindle::handlers
