// The end of a row: folding the states of its KV chunks, the sink, the output's data type, the log-sum-exp.
//
// Every path folds with the same two lines of arithmetic, so a row has the same bits whether its chunks were walked by one
// thread or stored by several and folded afterwards.
#pragma once

#include "kernels/cpu/convert.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/visibility.h"

namespace fovea::cpu::FOVEA_ISA_NAMESPACE {

// Weights of two states in their sum: exp2(m - max), exp2(m_chunk - max); 0 for a state that saw nothing.
struct FoldWeights {
  Vec max;
  Vec old_weight;
  Vec chunk_weight;
};

HWY_INLINE FoldWeights fold_weights(Vec m, Vec m_chunk) {
  FoldWeights w;
  w.max = hn::Max(m, m_chunk);
  const Vec safe = finite_or_zero(w.max);
  w.old_weight = exp2_nonpositive(hn::Sub(m, safe));
  w.chunk_weight = exp2_nonpositive(hn::Sub(m_chunk, safe));
  return w;
}

HWY_INLINE Vec fold(Vec value, Vec old_weight, Vec chunk, Vec chunk_weight) {
  return hn::MulAdd(value, old_weight, hn::Mul(chunk, chunk_weight));
}

// Views of a stored state, params.h.
struct StateRows {
  float* m;    // [rows]
  float* l;    // [rows]
  float* acc;  // [rows, head_size_v]
};

HWY_INLINE StateRows state_rows(float* state, int32_t rows) { return {state, state + rows, state + 2 * rows}; }

// state <- state + chunk, row by row. `state` may have started as a copy of the first chunk.
HWY_INLINE void fold_state(int32_t rows, int32_t head_size_v, const StateRows& state, const StateRows& chunk) {
  const FloatTag d;
  const int32_t lanes = static_cast<int32_t>(hn::Lanes(d));
  for (int32_t r = 0; r < rows; ++r) {
    const FoldWeights w = fold_weights(hn::Set(d, state.m[r]), hn::Set(d, chunk.m[r]));
    state.l[r] = hn::GetLane(fold(hn::Set(d, state.l[r]), w.old_weight, hn::Set(d, chunk.l[r]), w.chunk_weight));
    state.m[r] = hn::GetLane(w.max);
    float* acc = state.acc + static_cast<int64_t>(r) * head_size_v;
    const float* add = chunk.acc + static_cast<int64_t>(r) * head_size_v;
    int32_t i = 0;
    for (; i + lanes <= head_size_v; i += lanes) {
      hn::StoreU(fold(hn::LoadU(d, acc + i), w.old_weight, hn::LoadU(d, add + i), w.chunk_weight), d, acc + i);
    }
    for (; i < head_size_v; ++i) {
      const Vec sum = fold(hn::Set(d, acc[i]), w.old_weight, hn::Set(d, add[i]), w.chunk_weight);
      acc[i] = hn::GetLane(sum);
    }
  }
}

// Writes one finished row: divides by the sum (with the sink), converts, gives the log-sum-exp. acc [head_size_v] is
// overwritten.
HWY_INLINE void write_row(const Forward& f, int32_t token, int32_t query_head, float m, float l, float* acc) {
  const FloatTag d;
  const int32_t lanes = static_cast<int32_t>(hn::Lanes(d));
  const int32_t size = f.layer.head_size_v;
  float weight = 1.0f;
  if (f.sinks != nullptr) {
    const float sink = f.sinks[query_head] * kLog2E;
    const float old = m;
    m = sink > m ? sink : m;
    const float safe = finite_or_zero(m);
    weight = exp2_nonpositive(old - safe);
    l = l * weight + exp2_nonpositive(sink - safe);
  }
  const float factor = l == 0.0f ? 0.0f : weight / l;
  if (f.lse != nullptr) {
    f.lse[token * f.lse_row_stride + query_head * f.lse_head_stride] =
        l == 0.0f ? -kInfinity : (m + log2_of(l)) * kLn2;
  }
  int32_t i = 0;
  for (; i + lanes <= size; i += lanes) {
    hn::StoreU(hn::Mul(hn::LoadU(d, acc + i), hn::Set(d, factor)), d, acc + i);
  }
  for (; i < size; ++i) acc[i] *= factor;
  const int64_t at = token * f.output.row_stride + query_head * f.output.head_stride;
  char* out = static_cast<char*>(f.output.data) + at * static_cast<int64_t>(size_of(f.output_type));
  store_row(f.output_type, acc, out, size, f.output_scale);
}

// Writes the rows [item.row_begin, item.row_end) of an item from their state.
HWY_INLINE void write_state(const Forward& f, const WorkItem& item, const StateRows& state) {
  const Sequence s = sequence_of(f, item.seq);
  const int32_t group = f.layer.num_query_heads / f.layer.num_kv_heads;
  for (int32_t r = item.row_begin; r < item.row_end; ++r) {
    const int32_t i = r - item.row_begin;
    write_row(f, s.first_token + r / group, item.kv_head * group + r % group, state.m[i], state.l[i],
              state.acc + static_cast<int64_t>(i) * f.layer.head_size_v);
  }
}

// Folds the stored states of a split group, in the order of the chunks, and writes the rows.
HWY_INLINE void finish_split_group(const Forward& f, const WorkItem& item) {
  const SplitGroup& group = f.work.groups[item.group];
  const int32_t rows = item.row_end - item.row_begin;
  const int64_t stride = state_floats(rows, f.layer.head_size_v);
  float* first = f.states + group.state_offset;
  const StateRows state = state_rows(first, rows);
  for (int32_t c = group.chunk_begin + 1; c < group.chunk_end; ++c) {
    fold_state(rows, f.layer.head_size_v, state, state_rows(first + (c - group.chunk_begin) * stride, rows));
  }
  write_state(f, item, state);
}

}  // namespace fovea::cpu::FOVEA_ISA_NAMESPACE
