// Writing finished rows: sink, division by the sum, conversion, log-sum-exp.
#pragma once

#include "kernels/hip/attention/key_visibility.h"
#include "kernels/hip/device/numbers.h"

namespace fovea::hip {

inline constexpr float kLog2E = 1.4426950408889634f;
inline constexpr float kLn2 = 0.6931471805599453f;

// The state of a row after all its keys: maximum of the scores in the exp2 domain, sum of the weights relative to it.
struct RowState {
  Float max;
  Float sum;
};

// A state joins another: `scale` and `other_scale` are what the values of each are to be multiplied with.
FOVEA_DEVICE void combine(RowState& a, const RowState& b, Float& scale, Float& other_scale) {
  const Float max = lane_max(a.max, b.max);
  const Float base = select(max == -INFINITY, Float(0.0f), max);
  scale = exp2_fast(a.max - base);
  other_scale = exp2_fast(b.max - base);
  a.sum = a.sum * scale + b.sum * other_scale;
  a.max = max;
}

// Four values of a packed row: head, token and element are lane values.
struct RowWriter {
  const ForwardParams& p;
  const Sequence& s;
  int kv_head;
  float output_factor;  // 1 / output_scale

  FOVEA_DEVICE RowWriter(const ForwardParams& params, const Sequence& sequence, int head) : p(params), s(sequence), kv_head(head) {
    output_factor = p.output_scale != nullptr ? *p.output_scale : 1.0f;
  }

  // Writes v / sum at [element, element + 4) of packed row `row`, and its log-sum-exp where element is 0.
  FOVEA_DEVICE void write(Int row, Int element, RowState state, Float (&v)[4], Bool mask) const {
    const Int head = row % p.layer.group + kv_head * p.layer.group;
    const Int token = row / p.layer.group + s.first_token;
    Float scale = Float(1.0f);
    if (p.sinks != nullptr) {
      const RowState sink = {global_load(p.sinks + head, mask, 0.0f) * kLog2E, Float(1.0f)};
      const RowState effective = {sink.max, select(sink.max == -INFINITY, Float(0.0f), sink.sum)};
      Float unused;
      combine(state, effective, scale, unused);
    }
    const Bool empty = state.sum == 0.0f;
    const Float factor = select(empty, Float(0.0f), scale / state.sum);
#pragma unroll
    for (int i = 0; i < 4; ++i) v[i] = select(empty, Float(0.0f), v[i] * factor);
    char* base = p.output.data;
    const Long offset = to_long(token) * p.output.row_stride + to_long(head) * p.output.head_stride;
    store_elements(base + offset, element, p.output_type, output_factor, v, mask);
    if (p.lse != nullptr) {
      const Float lse = select(empty, Float(-INFINITY), (state.max + log2_of(state.sum)) * kLn2);
      global_store(p.lse + (to_long(token) * p.lse_row_stride + to_long(head) * p.lse_head_stride), lse, mask & (element == 0));
    }
  }
};

}  // namespace fovea::hip
