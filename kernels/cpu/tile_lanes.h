// Tile path: many packed query rows against tiles of keys. Lanes are query rows.
//
// This header: what a unit of work knows of its rows (lanes), and the softmax of one strip of rows over one tile of keys.
// Scores are kept transposed, S[key][row], so that maximum, sum and rescale are lane by lane, and a row's arithmetic does
// not depend on which rows stand beside it.
#pragma once

#include "kernels/cpu/kv_rows.h"

namespace fovea::cpu::FOVEA_ISA_NAMESPACE {

inline constexpr int32_t kMaxItemRows = 256;

// What each packed row of a unit sees. Arrays are padded to whole vectors; padding lanes see everything and are dropped.
struct RowLanes {
  alignas(64) int32_t begin[kMaxItemRows];        // base interval
  alignas(64) int32_t end[kMaxItemRows];
  alignas(64) int32_t range_begin[kMaxItemRows];  // prefix range
  alignas(64) int32_t range_end[kMaxItemRows];
  alignas(64) float position[kMaxItemRows];
  alignas(64) float slope[kMaxItemRows];          // times log2(e)
  bool has_ranges;
};

HWY_INLINE void fill_row_lanes(const Forward& f, const WorkItem& item, const Sequence& s, int32_t padded_rows, RowLanes* lanes) {
  const int32_t group = f.layer.num_query_heads / f.layer.num_kv_heads;
  const int32_t rows = item.row_end - item.row_begin;
  int32_t hint = f.batch.range_start_loc != nullptr ? f.batch.range_start_loc[s.index] : 0;
  int32_t last_token = -1;
  Interval base = {0, 0};
  Interval range = {0, 0};
  lanes->has_ranges = false;
  for (int32_t i = 0; i < rows; ++i) {
    const int32_t r = item.row_begin + i;
    const int32_t token = r / group;
    const int32_t p = s.context_len + token;
    if (token != last_token) {
      base = base_interval(f.layer, s, p);
      range = range_interval(f, s, p, &hint);
      lanes->has_ranges |= !is_empty(range);
      last_token = token;
    }
    lanes->begin[i] = base.begin;
    lanes->end[i] = base.end;
    lanes->range_begin[i] = range.begin;
    lanes->range_end[i] = range.end;
    lanes->position[i] = static_cast<float>(p);
    lanes->slope[i] = f.layer.alibi != Alibi::kNone ? f.alibi_slopes[item.kv_head * group + r % group] * kLog2E : 0.0f;
  }
  for (int32_t i = rows; i < padded_rows; ++i) {
    lanes->begin[i] = 0;
    lanes->end[i] = INT32_MAX;
    lanes->range_begin[i] = 0;
    lanes->range_end[i] = 0;
    lanes->position[i] = 0.0f;
    lanes->slope[i] = 0.0f;
  }
}

// Rows [begin, begin + vectors * lanes) of a unit, processed together.
struct Strip {
  int32_t begin;         // first row
  int32_t vectors;
  Interval any;          // hull of what its rows see
  Interval all;          // what each of them sees by its base interval
};

HWY_INLINE void fill_strip_hulls(const RowLanes& lanes, int32_t rows, int32_t width, Strip* strip) {
  strip->any = {INT32_MAX, 0};
  strip->all = {0, INT32_MAX};
  const int32_t end = min_of(strip->begin + width, rows);
  for (int32_t i = strip->begin; i < end; ++i) {
    const Interval base = {lanes.begin[i], lanes.end[i]};
    const Interval range = {lanes.range_begin[i], lanes.range_end[i]};
    if (!is_empty(base)) {
      strip->any.begin = min_of(strip->any.begin, base.begin);
      strip->any.end = max_of(strip->any.end, base.end);
    }
    if (!is_empty(range)) {
      strip->any.begin = min_of(strip->any.begin, range.begin);
      strip->any.end = max_of(strip->any.end, range.end);
    }
    strip->all.begin = max_of(strip->all.begin, base.begin);
    strip->all.end = min_of(strip->all.end, base.end);
  }
}

// Cuts `rows` rows into strips of at most max_vectors vectors, as even as possible. Returns the number of strips.
HWY_INLINE int32_t make_strips(const RowLanes& lanes, int32_t rows, int32_t max_vectors, Strip* strips) {
  const int32_t width = static_cast<int32_t>(hn::Lanes(FloatTag()));
  const int32_t vectors = (rows + width - 1) / width;
  const int32_t count = (vectors + max_vectors - 1) / max_vectors;
  int32_t begin = 0;
  for (int32_t i = 0; i < count; ++i) {
    strips[i].begin = begin;
    strips[i].vectors = vectors / count + (i < vectors % count ? 1 : 0);
    fill_strip_hulls(lanes, rows, strips[i].vectors * width, &strips[i]);
    begin += strips[i].vectors * width;
  }
  return count;
}

// Scores of one vector column: raw products -> capped, biased scores in units of log2. Only with soft cap or ALiBi.
HWY_INLINE void apply_score_features(const Layer& layer, const RowLanes& lanes, int32_t row, int32_t first_key, int32_t keys,
                                     float scale, float* HWY_RESTRICT scores, int64_t stride) {
  const FloatTag d;
  const Vec position = hn::Load(d, lanes.position + row);
  const Vec slope = hn::Load(d, lanes.slope + row);
  const Vec cap = hn::Set(d, layer.softcap * kLog2E);
  const Vec factor = hn::Set(d, layer.softcap > 0.0f ? -2.0f * kLog2E * scale / layer.softcap : 0.0f);
  const Vec plain = hn::Set(d, scale * kLog2E);
  for (int32_t k = 0; k < keys; ++k) {
    Vec s = hn::Load(d, scores + k * stride);
    s = layer.softcap > 0.0f ? softcap_scores(s, cap, factor) : hn::Mul(s, plain);
    if (layer.alibi != Alibi::kNone) {
      Vec distance = hn::Abs(hn::Sub(position, hn::Set(d, static_cast<float>(first_key + k))));
      if (layer.alibi == Alibi::kSqrt) distance = hn::Sqrt(distance);
      s = hn::NegMulAdd(slope, distance, s);
    }
    hn::Store(s, d, scores + k * stride);
  }
}

// Scores that a row does not see become -inf, by selection.
HWY_INLINE void apply_mask(const RowLanes& lanes, int32_t row, int32_t first_key, int32_t keys, float* HWY_RESTRICT scores,
                           int64_t stride) {
  const FloatTag d;
  const IntTag di;
  const Vec hidden = hn::Set(d, -kInfinity);
  const IntVec begin = hn::Load(di, lanes.begin + row);
  const IntVec end = hn::Load(di, lanes.end + row);
  const IntVec range_begin = hn::Load(di, lanes.range_begin + row);
  const IntVec range_end = hn::Load(di, lanes.range_end + row);
  for (int32_t k = 0; k < keys; ++k) {
    const IntVec t = hn::Set(di, first_key + k);
    auto visible = hn::AndNot(hn::Gt(begin, t), hn::Gt(end, t));
    if (lanes.has_ranges) visible = hn::Or(visible, hn::AndNot(hn::Gt(range_begin, t), hn::Gt(range_end, t)));
    const Vec s = hn::Load(d, scores + k * stride);
    hn::Store(hn::IfThenElse(hn::RebindMask(d, visible), s, hidden), d, scores + k * stride);
  }
}

// One step of the online softmax for one vector column of a strip: scores [keys] -> weights, given in pairs of keys to
// emit(pair, even, odd) for pairs [0, emit_keys / 2); keys beyond `keys` have weight 0. Returns the factor by which what
// was accumulated before must be multiplied.
template <class Emit>
HWY_INLINE Vec softmax_column(const float* HWY_RESTRICT scores, int64_t stride, int32_t keys, int32_t emit_keys, float factor,
                              float v_scale, float* HWY_RESTRICT m, float* HWY_RESTRICT l, Emit emit) {
  const FloatTag d;
  Vec max0 = hn::Load(d, scores);
  Vec max1 = max0;
  int32_t k = 0;
  for (; k + 4 <= keys; k += 4) {
    max0 = hn::Max(max0, hn::Max(hn::Load(d, scores + k * stride), hn::Load(d, scores + (k + 1) * stride)));
    max1 = hn::Max(max1, hn::Max(hn::Load(d, scores + (k + 2) * stride), hn::Load(d, scores + (k + 3) * stride)));
  }
  for (; k < keys; ++k) max0 = hn::Max(max0, hn::Load(d, scores + k * stride));
  const Vec c = hn::Set(d, factor);
  const Vec m_old = hn::Load(d, m);
  // A maximum that rises by little is not followed: sums then hold weights up to 2^8, which costs no precision, and what was
  // accumulated need not be rescaled. The choice is the row's own.
  const Vec m_tile = hn::Mul(hn::Max(max0, max1), c);
  const Vec m_new = hn::IfThenElse(hn::Gt(m_tile, hn::Add(m_old, hn::Set(d, 8.0f))), m_tile, m_old);
  const Vec safe = finite_or_zero(m_new);
  const Vec alpha = exp2_nonpositive(hn::Sub(m_old, safe));
  const Vec vs = hn::Set(d, v_scale);
  Vec sum0 = hn::Zero(d);
  Vec sum1 = hn::Zero(d);
  const int32_t whole_pairs = keys / 2;
  if (v_scale == 1.0f) {
    for (int32_t pair = 0; pair < whole_pairs; ++pair) {
      const Vec p0 = exp2_nonpositive(hn::MulSub(hn::Load(d, scores + 2 * pair * stride), c, safe));
      const Vec p1 = exp2_nonpositive(hn::MulSub(hn::Load(d, scores + (2 * pair + 1) * stride), c, safe));
      sum0 = hn::Add(sum0, p0);
      sum1 = hn::Add(sum1, p1);
      emit(pair, p0, p1);
    }
  } else {
    for (int32_t pair = 0; pair < whole_pairs; ++pair) {
      const Vec p0 = exp2_nonpositive(hn::MulSub(hn::Load(d, scores + 2 * pair * stride), c, safe));
      const Vec p1 = exp2_nonpositive(hn::MulSub(hn::Load(d, scores + (2 * pair + 1) * stride), c, safe));
      sum0 = hn::Add(sum0, p0);
      sum1 = hn::Add(sum1, p1);
      emit(pair, hn::Mul(p0, vs), hn::Mul(p1, vs));
    }
  }
  int32_t pair = whole_pairs;
  if (keys % 2 != 0) {
    const Vec p0 = exp2_nonpositive(hn::MulSub(hn::Load(d, scores + (keys - 1) * stride), c, safe));
    sum0 = hn::Add(sum0, p0);
    emit(pair++, hn::Mul(p0, vs), hn::Zero(d));
  }
  for (; 2 * pair < emit_keys; ++pair) emit(pair, hn::Zero(d), hn::Zero(d));
  hn::Store(m_new, d, m);
  hn::Store(hn::MulAdd(hn::Load(d, l), alpha, hn::Add(sum0, sum1)), d, l);
  return alpha;
}

}  // namespace fovea::cpu::FOVEA_ISA_NAMESPACE
