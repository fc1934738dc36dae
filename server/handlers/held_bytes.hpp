// SPDX-License-Identifier: Apache-2.0
//
// Bytes of a cache that answers share, counted as long as anybody has them: slow clients keep alive what their cache has
// forgotten. A cache whose bytes reach twice what it may have takes no more, so that memory stays bounded however many
// clients are slow. Any thread; the last bytes may outlive it.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "server/http/response.hpp"

namespace spindle::handlers {

class HeldBytes {
  public:
    /// `cache_bytes`: what the cache itself may have.
    explicit HeldBytes(std::size_t cache_bytes) : bytes_max_(2 * cache_bytes) {}

    [[nodiscard]] http::SharedBytes hold(std::string bytes) const {
        const auto held = std::make_shared<const Held>(sum_, std::move(bytes));
        return {held, &held->bytes};
    }
    [[nodiscard]] bool has_room_for(std::size_t bytes) const noexcept { return *sum_ + bytes <= bytes_max_; }

  private:
    using Sum = std::shared_ptr<std::atomic<std::size_t>>;

    struct Held {
        Held(Sum counted_in, std::string all) : sum(std::move(counted_in)), bytes(std::move(all)) {
            *sum += bytes.capacity();
        }
        ~Held() { *sum -= bytes.capacity(); }
        Held(const Held&) = delete;
        Held& operator=(const Held&) = delete;

        Sum sum;
        std::string bytes;
    };

    std::size_t bytes_max_;
    Sum sum_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace spindle::handlers
