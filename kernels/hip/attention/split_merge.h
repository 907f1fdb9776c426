// Combines the partial states of rows that several workgroups computed, in order of their keys.
#pragma once

#include "kernels/hip/attention/write_rows.h"

namespace fovea::hip {

inline constexpr int kMergeThreads = 128;
inline constexpr int kMergeTogether = 16;  // splits whose states are read side by side, those behind the last as nothing
inline constexpr int kMergeRows = 4;  // packed rows of one workgroup: grid (groups, num_kv_heads, rows of the kind / kMergeRows)

// What one workgroup of kThreads merges: `count` rows of a group from `first` on, for one KV head. Only the sequence's index and
// first token are needed of it.
template <int kThreads>
FOVEA_DEVICE void merge_splits(const ForwardParams& p, const Workgroup& wg, const Sequence& s, int kv_head, int kind, int first_slot,
                               int num_splits, int first, int count) {
  const RowWriter writer(p, s, kv_head);
  const int kind_rows = kind == kSmall ? kSmallRows : kMediumRows;
  const int head_size_v = p.layer.head_size_v, fours = head_size_v / 4;
  const float* partials = p.partials[kind];
  const float* stats = p.partial_stats[kind];
  const int64_t stride = static_cast<int64_t>(p.layer.num_kv_heads) * kind_rows;  // rows from one split to the next
  const int64_t base_row = (static_cast<int64_t>(first_slot) * p.layer.num_kv_heads + kv_head) * kind_rows + first;
  for (int begin = 0; begin < count * fours; begin += kThreads) {
    const Int index = wg.thread() + begin;
    const Bool mask = index < count * fours;
    const Int row = select(mask, index / fours, Int(0));
    const Int element = select(mask, index % fours, Int(0)) * 4;
    const Long at = to_long(row) + base_row;
    RowState state = {Float(-INFINITY), Float(0.0f)};
    for (int first_split = 0; first_split < num_splits; first_split += kMergeTogether) {
#pragma unroll
      for (int i = 0; i < kMergeTogether; ++i) {
        const int n = first_split + i;
        state.max = lane_max(state.max, global_load(stats + (at + n * stride) * 2, mask & (n < num_splits), -INFINITY));
      }
    }
    const Float base = select(state.max == -INFINITY, Float(0.0f), state.max);
    Float v[4] = {Float(0.0f), Float(0.0f), Float(0.0f), Float(0.0f)};
    for (int first_split = 0; first_split < num_splits; first_split += kMergeTogether) {
#pragma unroll
      for (int i = 0; i < kMergeTogether; ++i) {
        const int n = first_split + i;
        const Bool here = mask & (n < num_splits);
        const Long row_at = at + n * stride;
        const Float weight = exp2_fast(global_load(stats + row_at * 2, here, -INFINITY) - base);
        const Float sum = global_load(stats + (row_at * 2 + 1), here, 0.0f);
        const Quad q = global_load_quad(reinterpret_pointer<const char>(partials + (row_at * head_size_v + to_long(element))), here);
        state.sum = state.sum + sum * weight;
#pragma unroll
        for (int j = 0; j < 4; ++j) v[j] = v[j] + float_of(q.w[j]) * weight;
      }
    }
    writer.write(row + first, element, state, v, mask);
  }
}

struct SplitMergeKernel {
  const ForwardParams& p;
  const Workgroup& wg;

  FOVEA_DEVICE SplitMergeKernel(const ForwardParams& params, const Workgroup& workgroup) : p(params), wg(workgroup) {}

  FOVEA_DEVICE void run() const {
    if (wg.x >= p.plan.header->num_groups[p.kind]) return;
    const SplitGroup group = p.plan.groups[p.kind][wg.x];
    const int first = wg.z * kMergeRows;
    if (first >= group.rows) return;
    Sequence s;
    s.index = group.seq;
    s.first_token = p.batch.query_start_loc[group.seq];
    merge_splits<kMergeThreads>(p, wg, s, wg.y, p.kind, group.first_slot, group.num_splits, first,
                                uniform_min(kMergeRows, group.rows - first));
  }
};

}  // namespace fovea::hip
