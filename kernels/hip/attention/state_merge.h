// Merge of attention states that the caller has: partial outputs weighed by their log-sum-exp, sink and output scale once.
#pragma once

#include "kernels/hip/attention/write_rows.h"

namespace fovea::hip {

inline constexpr int kMergeStateThreads = 256;

struct StateMergeKernel {
  const MergeParams& p;
  const Workgroup& wg;

  FOVEA_DEVICE StateMergeKernel(const MergeParams& params, const Workgroup& workgroup) : p(params), wg(workgroup) {}

  FOVEA_DEVICE Float lse_of(int state, Int token, Int head, Bool mask) const {
    const Float lse = global_load(p.lses[state] + (to_long(token) * p.lse_row_strides[state] + to_long(head) * p.lse_head_strides[state]),
                                  mask, -INFINITY);
    return select(lse == INFINITY, Float(-INFINITY), lse);
  }

  FOVEA_DEVICE void run() const {
    const int fours = p.head_size_v / 4;
    const int per_token = p.num_query_heads * fours;
    const Int index = wg.thread() + wg.x * kMergeStateThreads;
    const Int token = index / per_token;
    const Bool mask = token < p.num_tokens;
    const Int part = select(mask, index % per_token, Int(0));
    const Int head = part / fours, element = part % fours * 4;
    const float sink = -INFINITY;
    Float max = p.sinks != nullptr ? global_load(p.sinks + head, mask, sink) : Float(sink);
    const Float sink_logit = max;
    for (int i = 0; i < p.num_states; ++i) max = lane_max(max, lse_of(i, token, head, mask));
    const Bool empty = max == -INFINITY;
    const Float base = select(empty, Float(0.0f), max);
    Float sum = exp2_fast((sink_logit - base) * kLog2E);
    Float v[4] = {Float(0.0f), Float(0.0f), Float(0.0f), Float(0.0f)};
    for (int i = 0; i < p.num_states; ++i) {
      const Float weight = exp2_fast((lse_of(i, token, head, mask) - base) * kLog2E);
      const StateRows& rows = p.outputs[i];
      const Quad q = global_load_quad(rows.data + (to_long(token) * rows.row_stride + to_long(head) * rows.head_stride + to_long(element * 4)), mask);
      sum = sum + weight;
      // An empty state's rows may hold anything.
#pragma unroll
      for (int j = 0; j < 4; ++j) v[j] = select(weight == 0.0f, v[j], v[j] + float_of(q.w[j]) * weight);
    }
    const Float factor = select(empty, Float(0.0f), 1.0f / sum);
#pragma unroll
    for (int j = 0; j < 4; ++j) v[j] = select(empty, Float(0.0f), v[j] * factor);
    const Long offset = to_long(token) * p.output.row_stride + to_long(head) * p.output.head_stride;
    store_elements(p.output.data + offset, element, p.output_type, p.output_scale != nullptr ? *p.output_scale : 1.0f, v, mask);
    if (p.lse != nullptr) {
      const Float lse = select(empty, Float(-INFINITY), max + log2_of(sum) * kLn2);
      global_store(p.lse + (to_long(token) * p.lse_row_stride + to_long(head) * p.lse_head_stride), lse, mask & (element == 0));
    }
  }
};

}  // namespace fovea::hip
