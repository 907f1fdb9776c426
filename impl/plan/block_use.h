// Which entries of the block table a forward dereferences, and whether they fit the cache.
#pragma once

#include "impl/plan/tiles.h"

namespace fovea {

// Where a forward reads keys from.
enum class KeySource {
  kCache,            // everything from the cache
  kContextFromCache  // this step's keys are given, the context comes from the cache
};

// The extremes of the block ids in use, so that a hoisted plan is checked against any cache in constant time.
struct BlockUse {
  int32_t min_id = INT32_MAX;
  int32_t max_id = -1;
  int32_t table_too_small = 0;  // a row or column that is needed does not exist

  bool any() const { return min_id <= max_id || table_too_small != 0; }
  bool fits(int64_t num_blocks) const {
    return table_too_small == 0 && (min_id > max_id || (min_id >= 0 && max_id < num_blocks));
  }
};

// Adds the blocks that one sequence's visible keys lie in. Entries beyond them are not looked at: they may be stale.
void add_block_use(const PlanKey& key, const CommittedBatch& batch, const SequenceView& sequence, KeyRange visible,
                   BlockUse* all, BlockUse* context);

// Finds the first entry that does not fit and names its row, column and value. SUCCESS if there is none.
foveaStatus_t check_block_ids(const PlanKey& key, const CommittedBatch& batch, CausalMode mode, KeySource source,
                              int64_t num_blocks);

}  // namespace fovea
