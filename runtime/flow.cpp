// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow.hpp"

#include "runtime/error.hpp"

namespace spindle::runtime {

void FlowRegistry::add(Flow& flow, unsigned worker) noexcept {
    const unsigned number = worker % kShards;
    Shard& shard = shards_[number];
    const std::lock_guard lock(shard.mutex);
    flow.id = shard.born++ * kShards + number + 1;
    link(shard, flow, nullptr);
}

void FlowRegistry::remove(Flow& flow) noexcept {
    CHECK_THAT(flow.id != 0);
    Shard& shard = shards_[(flow.id - 1) % kShards];
    const std::lock_guard lock(shard.mutex);
    unlink(shard, flow);
}

// Behind `newer`, or as the newest.
void FlowRegistry::link(Shard& shard, Flow& flow, Flow* newer) noexcept {
    Flow*& before = newer == nullptr ? shard.newest : newer->older_;
    flow.newer_ = newer;
    flow.older_ = before;
    if (before != nullptr) before->newer_ = &flow;
    before = &flow;
}

void FlowRegistry::unlink(Shard& shard, Flow& flow) noexcept {
    (flow.newer_ == nullptr ? shard.newest : flow.newer_->older_) = flow.older_;
    if (flow.older_ != nullptr) flow.older_->newer_ = flow.newer_;
}

// ---- a walk, from the newest to the oldest: the cursor, a flow without a number, keeps the place

// Moves the cursor behind the next flows. False: at the end of the list, which is left. Other walks' cursors are
// passed over, and only flows count: two walks at the end would else go behind each other for ever.
bool FlowRegistry::Walk::advance_locked() noexcept {
    Shard& shard = registry_.shards_[shard_];
    Flow* last = nullptr;
    count_ = 0;
    Flow* flow = entered_ ? cursor_.older_ : shard.newest;
    for (; flow != nullptr && count_ < kBatch; flow = flow->older_) {
        if (flow->id == 0) continue;
        last = flow;
        flows_[count_++] = flow;
    }
    if (entered_) unlink(shard, cursor_);
    entered_ = last != nullptr;
    if (entered_) link(shard, cursor_, last);
    else ++shard_;
    return entered_;
}

void FlowRegistry::Walk::leave() noexcept {
    if (!entered_) return;
    Shard& shard = registry_.shards_[shard_];
    const std::lock_guard lock(shard.mutex);
    unlink(shard, cursor_);
}

}  // namespace spindle::runtime
