// SPDX-License-Identifier: Apache-2.0
//
// Encoded files in memory, the most recently used ones up to a number of bytes. Also remembers which do not get
// smaller, and which are being encoded: one at a time does that for a file. A process has one; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include <sys/stat.h>

#include "server/handlers/held_bytes.hpp"
#include "server/handlers/lru.hpp"
#include "server/http/coding.hpp"

namespace spindle::handlers {

class EncodedCache {
  public:
    /// A state of a file, in a coding. Whatever its name is: a hard link has the same bytes.
    struct Key {
        Key(const struct stat& status, http::Coding coding) noexcept
            : device(status.st_dev),
              inode(status.st_ino),
              seconds(status.st_mtim.tv_sec),
              nanoseconds(status.st_mtim.tv_nsec),
              size(status.st_size),
              coding(coding) {}
        dev_t device;
        ino_t inode;
        std::time_t seconds;
        long nanoseconds;
        off_t size;
        http::Coding coding;
        bool operator==(const Key&) const = default;
    };
    /// Null: does not get smaller.
    using Bytes = std::shared_ptr<const std::string>;

    /// The right to encode a file, and the duty to say how it ended; saying nothing leaves it to the next one.
    class Claim {
      public:
        Claim(EncodedCache& cache, const Key& key) noexcept : cache_(&cache), key_(key) {}
        Claim(Claim&& other) noexcept : cache_(std::exchange(other.cache_, nullptr)), key_(other.key_) {}
        Claim& operator=(Claim&&) = delete;
        ~Claim() {
            if (cache_ != nullptr) cache_->forget(key_);
        }
        /// Nothing: does not get smaller. -> what was put there.
        Bytes fulfil(std::optional<std::string> encoded) {
            Bytes bytes = encoded ? cache_->held_.hold(std::move(*encoded)) : nullptr;
            std::exchange(cache_, nullptr)->put(key_, bytes);
            return bytes;
        }

      private:
        EncodedCache* cache_;
        Key key_;
    };

    explicit EncodedCache(std::size_t bytes_max) : bytes_max_(bytes_max), held_(bytes_max) {}

    enum class State {
        known,    ///< `bytes` tells
        claimed,  ///< by the caller now: Claim(cache, key)
        busy,     ///< somebody else encodes it
        full,     ///< slow clients hold too much of what was encoded
    };
    struct Found {
        State state;
        Bytes bytes;
    };
    [[nodiscard]] Found look(const Key& key);

    /// Of what is kept, with what keeping costs.
    [[nodiscard]] std::size_t bytes() const;

  private:
    struct Hash {
        std::size_t operator()(const Key& key) const noexcept;
    };
    void put(const Key& key, Bytes bytes);
    void forget(const Key& key) noexcept;

    static constexpr std::size_t kEntryBytes = 256;

    const std::size_t bytes_max_;
    const HeldBytes held_;
    mutable std::mutex mutex_;
    Lru<Key, Bytes, Hash> known_;            ///< guarded by mutex_, as is the other; its costs are bytes
    std::unordered_set<Key, Hash> claimed_;  ///< being encoded
};

}  // namespace spindle::handlers
