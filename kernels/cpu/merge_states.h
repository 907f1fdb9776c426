// Merging partial attention results over disjoint sets of keys by their log-sum-exp:
// out = sum_i exp(lse_i - lse) o_i, lse = log(sum_i exp(lse_i)), in the order of the states.
#pragma once

#include "kernels/cpu/convert.h"

namespace fovea::cpu::FOVEA_ISA_NAMESPACE {

// exp(x) for x <= 0.
HWY_INLINE float exp_nonpositive(float x) { return exp2_nonpositive(x * kLog2E); }

// One row: weights of the states (0 for an empty one) and the merged log-sum-exp, -inf if there is nothing at all.
static float merge_weights(const Merge& merge, int32_t token, int32_t head, float* weights) {
  float max = merge.sinks != nullptr ? merge.sinks[head] : -kInfinity;
  for (int32_t i = 0; i < merge.num_states; ++i) {
    const Rows& rows = merge.lses[i];
    float lse = static_cast<const float*>(rows.data)[token * rows.row_stride + head * rows.head_stride];
    if (lse == kInfinity) lse = -kInfinity;  // some producers mark an empty state so
    weights[i] = lse;
    if (!(lse <= max)) max = lse;  // a NaN stays
  }
  if (max == -kInfinity) {
    for (int32_t i = 0; i < merge.num_states; ++i) weights[i] = 0.0f;
    return -kInfinity;
  }
  float sum = 0.0f;
  for (int32_t i = 0; i < merge.num_states; ++i) {
    weights[i] = weights[i] == -kInfinity ? 0.0f : exp_nonpositive(weights[i] - max);
    sum += weights[i];
  }
  if (merge.sinks != nullptr) sum += exp_nonpositive(merge.sinks[head] - max);
  for (int32_t i = 0; i < merge.num_states; ++i) weights[i] /= sum;
  return max + log2_of(sum) * kLn2;
}

// Tokens [begin, end). The output may be the memory of the first state: each piece is read before it is written.
static void merge_state_tokens(const Merge& merge, int32_t begin, int32_t end) {
  constexpr int32_t kPiece = 256;
  const FloatTag d;
  const int32_t lanes = static_cast<int32_t>(hn::Lanes(d));
  alignas(64) float sums[kPiece];
  float weights[kMaxMergeStates];
  const int64_t element = static_cast<int64_t>(size_of(merge.output_type));
  for (int32_t token = begin; token < end; ++token) {
    for (int32_t head = 0; head < merge.num_query_heads; ++head) {
      const float lse = merge_weights(merge, token, head, weights);
      char* out = static_cast<char*>(merge.output.data) +
                  (token * merge.output.row_stride + head * merge.output.head_stride) * element;
      for (int32_t d0 = 0; d0 < merge.head_size_v; d0 += kPiece) {
        const int32_t size = min_of(kPiece, merge.head_size_v - d0);
        for (int32_t i = 0; i < size; ++i) sums[i] = 0.0f;
        for (int32_t s = 0; s < merge.num_states; ++s) {
          // What an empty state left in its output must not matter, not even a NaN.
          if (weights[s] == 0.0f) continue;
          const Rows& rows = merge.outputs[s];
          const float* from =
              static_cast<const float*>(rows.data) + token * rows.row_stride + head * rows.head_stride + d0;
          const Vec weight = hn::Set(d, weights[s]);
          int32_t i = 0;
          for (; i + lanes <= size; i += lanes) {
            hn::StoreU(hn::MulAdd(hn::LoadU(d, from + i), weight, hn::LoadU(d, sums + i)), d, sums + i);
          }
          for (; i < size; ++i) sums[i] += from[i] * weights[s];
        }
        store_row(merge.output_type, sums, out + d0 * element, size, merge.output_scale);
      }
      if (merge.lse.data != nullptr) {
        static_cast<float*>(merge.lse.data)[token * merge.lse.row_stride + head * merge.lse.head_stride] = lse;
      }
    }
  }
}

}  // namespace fovea::cpu::FOVEA_ISA_NAMESPACE
