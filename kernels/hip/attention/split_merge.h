// Combines the partial states of rows that several workgroups computed, in order of their keys.
#pragma once

#include "kernels/hip/attention/write_rows.h"

namespace fovea::hip {

inline constexpr int kMergeThreads = 128;
inline constexpr int kMergeRows = 4;  // packed rows of one workgroup: grid (groups, num_kv_heads, rows of the kind / kMergeRows)

struct SplitMergeKernel {
  const ForwardParams& p;
  const Workgroup& wg;

  FOVEA_DEVICE SplitMergeKernel(const ForwardParams& params, const Workgroup& workgroup) : p(params), wg(workgroup) {}

  FOVEA_DEVICE void run() const {
    if (wg.x >= p.plan.header->num_groups[p.kind]) return;
    const SplitGroup group = p.plan.groups[p.kind][wg.x];
    const int first = wg.z * kMergeRows;
    if (first >= group.rows) return;
    const int kind_rows = p.kind == kSmall ? kSmallRows : kMediumRows;
    const int kv_head = wg.y;
    Sequence s;
    s.index = group.seq;
    s.first_token = p.batch.query_start_loc[group.seq];
    const RowWriter writer(p, s, kv_head);
    const int head_size_v = p.layer.head_size_v, fours = head_size_v / 4;
    const int rows = uniform_min(kMergeRows, group.rows - first);
    const int64_t stride = static_cast<int64_t>(p.layer.num_kv_heads) * kind_rows;  // rows from one split to the next
    const int64_t base_row = (static_cast<int64_t>(group.first_slot) * p.layer.num_kv_heads + kv_head) * kind_rows + first;
    for (int i = 0; i < rows * fours; i += kMergeThreads) {
      const Int index = wg.thread() + i;
      const Bool mask = index < rows * fours;
      const Int row = select(mask, index / fours, Int(0));
      const Int element = select(mask, index % fours, Int(0)) * 4;
      const Long at = to_long(row) + base_row;
      RowState state = {Float(-INFINITY), Float(0.0f)};
#pragma unroll 8
      for (int n = 0; n < group.num_splits; ++n) {
        state.max = lane_max(state.max, global_load(p.partial_stats + (at + n * stride) * 2, mask, -INFINITY));
      }
      const Float base = select(state.max == -INFINITY, Float(0.0f), state.max);
      Float v[4] = {Float(0.0f), Float(0.0f), Float(0.0f), Float(0.0f)};
#pragma unroll 8
      for (int n = 0; n < group.num_splits; ++n) {
        const Long row_at = at + n * stride;
        const Float weight = exp2_fast(global_load(p.partial_stats + row_at * 2, mask, -INFINITY) - base);
        const Float sum = global_load(p.partial_stats + (row_at * 2 + 1), mask, 0.0f);
        const Quad q = global_load_quad(reinterpret_pointer<const char>(p.partials + (row_at * head_size_v + to_long(element))), mask);
        state.sum = state.sum + sum * weight;
#pragma unroll
        for (int j = 0; j < 4; ++j) v[j] = v[j] + float_of(q.w[j]) * weight;
      }
      writer.write(row + first, element, state, v, mask);
    }
  }
};

}  // namespace fovea::hip
