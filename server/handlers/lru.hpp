// SPDX-License-Identifier: Apache-2.0
//
// Values by their keys, in the order of their last use, each with a cost of its own. Not locked.
#pragma once

#include <cstddef>
#include <list>
#include <unordered_map>
#include <utility>

namespace spindle::handlers {

/// `View` is what a `Key` converts to, and is looked up by: it need not own what the key owns.
template <class Key, class Value, class Hash, class View = Key>
class Lru {
  public:
    /// Null if there is none. Used now; stays until it is put anew or dropped.
    [[nodiscard]] const Value* find(const View& key) {
        const auto at = by_key_.find(key);
        if (at == by_key_.end()) return nullptr;
        entries_.splice(entries_.begin(), entries_, at->second);
        return &at->second->value;
    }

    /// In place of what the key had. Used now. What was not used for longest is dropped until all costs no more than
    /// `cost_max`. If it throws std::bad_alloc, the key has nothing.
    void put(Key key, Value value, std::size_t cost, std::size_t cost_max) {
        erase(key);
        Entries one;
        one.push_back({std::move(key), std::move(value), cost});
        by_key_.emplace(one.front().key, one.begin());
        entries_.splice(entries_.begin(), one);
        cost_ += cost;
        while (cost_ > cost_max) erase(entries_.back().key);
    }

    [[nodiscard]] std::size_t cost() const noexcept { return cost_; }

  private:
    struct Entry {
        Key key;
        Value value;
        std::size_t cost;
    };
    using Entries = std::list<Entry>;

    void erase(const View& key) {
        const auto at = by_key_.find(key);
        if (at == by_key_.end()) return;
        const auto entry = at->second;
        cost_ -= entry->cost;
        by_key_.erase(at);
        entries_.erase(entry);
    }

    Entries entries_;                                                    ///< the last used first
    std::unordered_map<View, typename Entries::iterator, Hash> by_key_;  ///< views into `entries_`
    std::size_t cost_ = 0;
};

}  // namespace spindle::handlers
