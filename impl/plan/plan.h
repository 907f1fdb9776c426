// The plan step: committed metadata turned into a work list, in the caller's memory, without allocating.
//
// The rows of each KV head of each sequence are cut into tiles, and a tile's keys into chunks. Where the tiles are too
// few or too unequal for the threads, a tile's chunks are shared out to several units (a split group). That never
// changes a bit of the result, see kernels/cpu/params.h, so the cut is free to follow the number of threads.
#pragma once

#include "impl/plan/block_use.h"
#include "impl/plan/tiles.h"

namespace fovea {

// Largest state area that splitting may use: beyond it, tiles stay whole.
inline constexpr int64_t kMaxStateFloats = (int64_t{64} << 20) / sizeof(float);

// The largest plan of any batch of this size.
struct PlanBounds {
  int64_t num_items = 0;
  int64_t num_groups = 0;
  int64_t state_floats = 0;
  size_t plan_bytes = 0;
};

struct BatchSize {
  int32_t num_seqs;
  int32_t num_tokens;
  int32_t max_seq_len;
};

// No bound of a smaller batch is larger. INVALID_ARGUMENT where the size is beyond what can be counted.
foveaStatus_t bound_plan(const PlanKey& key, const BatchSize& size, PlanBounds* bounds);

// What stands at the start of plan memory; items and groups follow.
struct PlanHeader {
  uint64_t magic;
  uint64_t metadata_id;
  uint64_t generation;
  PlanKey key;
  CausalMode mode;
  int32_t num_items;
  int32_t num_groups;
  int64_t state_floats;
  uint64_t items_offset;  // bytes
  uint64_t groups_offset;
  BlockUse all_blocks;
  BlockUse context_blocks;
  uint64_t check;  // of everything above
};

// Writes a plan of at most bounds.plan_bytes to `memory`, 64-byte aligned. Never allocates.
void make_plan(const PlanKey& key, const Metadata& metadata, const CommittedBatch& batch, CausalMode mode,
               const PlanBounds& bounds, void* memory);

// Checks that `memory` holds a plan for exactly this; the sentence says what differs.
foveaStatus_t check_plan(const void* memory, size_t size, const PlanKey& key, const Metadata& metadata,
                         CausalMode mode);

// Of a plan that was checked, or made just now.
cpu::WorkList work_list(const void* memory);
inline const PlanHeader& plan_header(const void* memory) { return *static_cast<const PlanHeader*>(memory); }

}  // namespace fovea
