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

// Where the output of packed rows goes.
struct RowPlace {
  Int token;  // of the batch
  Int head;
};

// Writes packed rows of one sequence and KV head.
struct RowWriter {
  const ForwardParams& p;
  const Sequence& s;
  int kv_head;
  float output_factor;  // 1 / output_scale

  FOVEA_DEVICE RowWriter(const ForwardParams& params, const Sequence& sequence, int head) : p(params), s(sequence), kv_head(head) {
    output_factor = p.output_scale != nullptr ? *p.output_scale : 1.0f;
  }

  FOVEA_DEVICE RowPlace place(Int row) const {
    return {row / p.layer.group + s.first_token, row % p.layer.group + kv_head * p.layer.group};
  }

  // Writes the log-sum-exp of a row, and returns what its values are to be multiplied with. empty: it saw nothing, its values are 0.
  FOVEA_DEVICE Float finish(const RowPlace& at, RowState state, Bool& empty, Bool mask, Bool lse_mask) const {
    Float scale = Float(1.0f);
    if (p.sinks != nullptr) {
      const RowState sink = {global_load(p.sinks + at.head, mask, 0.0f) * kLog2E, Float(1.0f)};
      const RowState effective = {sink.max, select(sink.max == -INFINITY, Float(0.0f), sink.sum)};
      Float unused;
      combine(state, effective, scale, unused);
    }
    empty = state.sum == 0.0f;
    if (p.lse != nullptr) {
      const Float lse = select(empty, Float(-INFINITY), (state.max + log2_of(state.sum)) * kLn2);
      global_store(p.lse + (to_long(at.token) * p.lse_row_stride + to_long(at.head) * p.lse_head_stride), lse, lse_mask);
    }
    return select(empty, Float(0.0f), scale / state.sum);
  }

  // Writes v at [element, element + 4) of a row.
  FOVEA_DEVICE void store(const RowPlace& at, Int element, const Float (&v)[4], Bool mask) const {
    char* base = p.output.data;
    const Long offset = to_long(at.token) * p.output.row_stride + to_long(at.head) * p.output.head_stride;
    store_elements(base + offset, element, p.output_type, output_factor, v, mask);
  }

  // All of it for v / sum of packed row `row`; its log-sum-exp where element is 0.
  FOVEA_DEVICE void write(Int row, Int element, RowState state, Float (&v)[4], Bool mask) const {
    const RowPlace at = place(row);
    Bool empty;
    const Float factor = finish(at, state, empty, mask, mask & (element == 0));
#pragma unroll
    for (int i = 0; i < 4; ++i) v[i] = select(empty, Float(0.0f), v[i] * factor);
    store(at, element, v, mask);
  }
};

}  // namespace fovea::hip
