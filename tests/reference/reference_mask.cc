#include <cmath>

#include "tests/reference/reference_attention.h"

namespace fovea_reference {

bool Problem::is_causal(int seq) const {
  if (kind != Kind::kDecoder) return false;
  if (!causal_per_sequence.empty()) return causal_per_sequence[seq] != 0;
  return causal;
}

bool visible(const Problem& problem, int seq, int64_t i, int64_t t) {
  if (t < 0 || t >= problem.seq_lens[seq]) return false;
  if (problem.kind == Kind::kEncoderDecoder) return true;
  const int64_t p = problem.context_len(seq) + i;
  const bool causal = problem.is_causal(seq);
  bool sees = causal ? t <= p : true;
  if (problem.window_left >= 0 && p - t > problem.window_left) sees = false;
  if (!causal && problem.window_right >= 0 && t - p > problem.window_right) sees = false;
  if (sees || problem.ranges_kind == Ranges::kNone || problem.range_start_loc.empty()) return sees;
  for (int32_t r = problem.range_start_loc[seq]; r < problem.range_start_loc[seq + 1]; ++r) {
    const int64_t first = problem.ranges[2 * r];
    const int64_t last = problem.ranges[2 * r + 1];
    if (first >= last) continue;
    if (p < first || p > last || t < first || t > last) continue;
    if (problem.ranges_kind == Ranges::kFull || problem.window_left < 0) return true;
    return p - t <= problem.window_left;
  }
  return false;
}

int64_t key_element(const Cache& cache, Layout layout, int64_t block, int64_t row, int64_t head, int64_t d) {
  const int64_t* s = cache.strides;
  if (layout == Layout::kStrided) return block * s[0] + row * s[1] + head * s[2] + d * s[3];
  const int64_t x = 16 / static_cast<int64_t>(bytes_of(cache.type));
  return block * s[0] + head * s[1] + (d / x) * s[2] + row * s[3] + (d % x) * s[4];
}

int64_t value_element(const Cache& cache, Layout layout, int64_t block, int64_t row, int64_t head, int64_t d) {
  const int64_t* s = cache.strides;
  if (layout == Layout::kStrided) return block * s[0] + row * s[1] + head * s[2] + d * s[3];
  return block * s[0] + head * s[1] + d * s[2] + row * s[3];
}

namespace {

double scale_of(const std::vector<float>& scales, int head) {
  if (scales.empty()) return 1;
  return scales.size() == 1 ? scales[0] : scales[head];
}

struct Slot {
  int64_t block;
  int64_t row;
};

Slot slot_of(const Problem& problem, int seq, int64_t t) {
  return {problem.block_table[seq * problem.block_table_stride + t / problem.block_size], t % problem.block_size};
}

// Elements d of a vector in a cache lie where `element` says.
template <typename Element>
void load_vector(const Cache& cache, double scale, int64_t size, double* vector, Element element) {
  const Loader load(cache.type);
  for (int64_t d = 0; d < size; ++d) vector[d] = load(cache.data, element(d)) * scale;
}

void load_vector(const Rows& rows, int64_t token, int head, int64_t size, double* vector) {
  const Loader load(rows.type);
  for (int64_t d = 0; d < size; ++d) vector[d] = load(rows.data, token * rows.token_stride + head * rows.head_stride + d);
}

}  // namespace

void query_vector(const Problem& problem, int seq, int64_t i, int head, double* vector) {
  load_vector(problem.query, problem.query_start_loc[seq] + i, head, problem.head_size, vector);
}

void key_vector(const Problem& problem, int seq, int kv_head, int64_t t, double* vector) {
  if (problem.is_dense(seq, t)) {
    const int64_t token = problem.query_start_loc[seq] + t - problem.context_len(seq);
    return load_vector(problem.key, token, kv_head, problem.head_size, vector);
  }
  const Slot slot = slot_of(problem, seq, t);
  const Cache& cache = problem.key_cache;
  load_vector(cache, scale_of(problem.k_scales, kv_head), problem.head_size, vector, [&](int64_t d) {
    return key_element(cache, problem.layout, slot.block, slot.row, kv_head, d);
  });
}

void value_vector(const Problem& problem, int seq, int kv_head, int64_t t, double* vector) {
  if (problem.is_dense(seq, t)) {
    const int64_t token = problem.query_start_loc[seq] + t - problem.context_len(seq);
    return load_vector(problem.value, token, kv_head, problem.head_size_v, vector);
  }
  const Slot slot = slot_of(problem, seq, t);
  const Cache& cache = problem.value_cache;
  load_vector(cache, scale_of(problem.v_scales, kv_head), problem.head_size_v, vector, [&](int64_t d) {
    return value_element(cache, problem.layout, slot.block, slot.row, kv_head, d);
  });
}

double score_at(const Problem& problem, int seq, int64_t i, int head, int64_t t, double dot) {
  double score = problem.scale * problem.q_scale * dot;
  if (problem.softcap > 0) score = problem.softcap * std::tanh(score / problem.softcap);
  const double distance = std::fabs(static_cast<double>(problem.context_len(seq) + i - t));
  if (problem.alibi == Alibi::kLinear) score -= problem.alibi_slopes[head] * distance;
  if (problem.alibi == Alibi::kSqrt) score -= problem.alibi_slopes[head] * std::sqrt(distance);
  return score;
}

float score_at_fp32(const Problem& problem, int seq, int64_t i, int head, int64_t t, float dot) {
  float score = static_cast<float>(problem.scale * problem.q_scale) * dot;
  const auto cap = static_cast<float>(problem.softcap);
  if (cap > 0) score = cap * std::tanh(score / cap);
  const auto distance = std::fabs(static_cast<float>(problem.context_len(seq) + i - t));
  if (problem.alibi == Alibi::kLinear) score -= problem.alibi_slopes[head] * distance;
  if (problem.alibi == Alibi::kSqrt) score -= problem.alibi_slopes[head] * std::sqrt(distance);
  return score;
}

}  // namespace fovea_reference
