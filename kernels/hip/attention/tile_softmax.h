// The online softmax of a wave's rows: what masks and scores need to know of them, and how a tile's scores become weights.
#pragma once

#include "kernels/hip/attention/tile_loader.h"

namespace fovea::hip {

template <class Traits>
struct TileSoftmax : TileLoader<Traits> {
  using Loader = TileLoader<Traits>;
  using Loader::Loader;
  using Ops = typename Loader::Ops;
  using RowValues = typename Loader::RowValues;
  using Scores = typename Ops::Scores;
  using Sums = typename Ops::Sums;
  using Loader::kWaveKeys;
  using Loader::kFeatures;
  using Loader::kFp8Tiles;
  using Loader::kScaled;
  using Loader::p;
  using Loader::wg;
  using Loader::entry;
  using Loader::s;
  using Loader::needed;
  using Loader::kv_head;
  using Loader::rows;
  using Loader::has_ranges;

  // Weights are multiplied with this power of two: as f16, those much smaller than the largest keep their bits.
  static constexpr float kWeightExponent = kFp8Tiles ? 14.0f : 0.0f;

  // What masks and scores need to know of the rows that a lane holds.
  struct RowFacts {
    Int position[Ops::kRowSlots];
    Interval<Int> range[kFeatures ? Ops::kRowSlots : 1];
    Float slope[kFeatures ? Ops::kRowSlots : 1];
  };
  FOVEA_DEVICE void start_rows(int wave_row, RowFacts& facts, Sums& sums, RowValues& max, RowValues& sum) const {
    const Layer& layer = p.layer;
#pragma unroll
    for (int r = 0; r < Ops::kRowSlots; ++r) {
      // Rows behind the last are computed as the last and not written.
      const Int packed = lane_min(Ops::row_of(wg.lane, r) + wave_row, Int(rows - 1)) + entry.row_begin;
      facts.position[r] = packed / layer.group + s.context_len;
      max.v[r] = Float(-INFINITY);
      sum.v[r] = Float(0.0f);
      if constexpr (kFeatures) {
        facts.range[r] = {Int(0), Int(0)};
        if (has_ranges()) facts.range[r] = range_interval_of_rows(layer, p.batch, s, facts.position[r]);
        facts.slope[r] = Float(0.0f);
        if (layer.alibi != Alibi::kNone) {
          facts.slope[r] = global_load(p.alibi_slopes + (packed % layer.group + kv_head * layer.group), packed >= 0, 0.0f);
#if !FOVEA_HAS_ASYNC_COPIES
          // It arrives here: waited for among the products, it would be with all loads under way.
          facts.slope[r] = float_of(as_uint(opaque(as_int(bits_of(facts.slope[r])))));
#endif
        }
      }
    }
#pragma unroll
    for (int i = 0; i < Ops::kOutSlots; ++i) Ops::sum(sums, i) = Float(0.0f);
  }

  // What follows from it is made anew for each tile where it would take registers that the sums need.
  FOVEA_DEVICE Int lane_anew() const {
#if FOVEA_HAS_ASYNC_COPIES
    return wg.lane;
#else
    return opaque(wg.lane);
#endif
  }

  // Hides what rows do not see of the wave's keys [begin, begin + kWaveKeys) of a tile that ends at `end`.
  FOVEA_DEVICE void mask_scores(Scores& scores, const RowFacts& facts, int begin, int end) const {
    const bool interior = begin >= needed.all.begin && begin + kWaveKeys <= uniform_min(needed.all.end, end);
    if (interior) return;
    const Int lane = lane_anew();
#pragma unroll
    for (int r = 0; r < Ops::kRowSlots; ++r) {
      Interval<Int> base = base_interval_of_rows(p.layer, s, facts.position[r]);
      base.end = lane_min(base.end, Int(end));
#pragma unroll
      for (int i = 0; i < Ops::kScoreSlots; ++i) {
        if (Ops::score_row_slot(i) != r) continue;
        const Int t = Ops::score_key(lane, i) + begin;
        Bool visible = (t >= base.begin) & (t < base.end);
        if constexpr (kFeatures) visible = visible | ((t >= facts.range[r].begin) & (t < lane_min(facts.range[r].end, Int(end))));
        Ops::score(scores, i) = select(visible, Ops::score(scores, i), Float(-INFINITY));
      }
    }
  }

  // Scores to the exp2 domain with soft cap and bias. factor(row slot): what they are multiplied with to get there.
  template <class Factor>
  FOVEA_DEVICE void change_scores(Scores& scores, int first, const RowFacts& facts, Factor factor) const {
    const Layer& layer = p.layer;
    const float cap = layer.softcap;
    const Int lane = lane_anew();
    const float inner = cap > 0.0f ? 2.0f / cap : 0.0f;
#pragma unroll
    for (int i = 0; i < Ops::kScoreSlots; ++i) {
      Float& x = Ops::score(scores, i);
      const auto c = factor(Ops::score_row_slot(i));
      if (kFeatures && cap > 0.0f) {
        // tanh(y) = 1 - 2 / (1 + exp(2 y)); c already holds log2(e).
        x = (1.0f - 2.0f / (1.0f + exp2_fast(x * (c * inner)))) * (cap * kLog2E);
      } else {
        x = x * c;
      }
      if (kFeatures && layer.alibi != Alibi::kNone) {
        const int r = Ops::score_row_slot(i);
        Float distance = to_float(lane_abs(facts.position[r] - (Ops::score_key(lane, i) + first)));
        if (layer.alibi == Alibi::kSqrt) distance = lane_sqrt(distance);
        x = x - facts.slope[r] * distance * kLog2E;
      }
    }
  }

  // The online softmax: scores become weights, the state moves to the new maximum. Returns whether any row's maximum moved:
  // then the sums have to be multiplied with `scale`.
  FOVEA_DEVICE static bool soften(Scores& scores, RowValues& max, RowValues& sum, RowValues& scale, float c) {
    RowValues next = max;
#pragma unroll
    for (int i = 0; i < Ops::kScoreSlots; ++i) {
      Float& m = next.v[Ops::score_row_slot(i)];
      m = lane_max(m, Ops::score(scores, i));
    }
    Ops::row_max(next);
    Bool moved = next.v[0] != max.v[0];
#pragma unroll
    for (int r = 0; r < Ops::kRowSlots; ++r) {
      moved = moved | (next.v[r] != max.v[r]);
      // Exactly 1 where the maximum stays: a row's bits must not depend on whether another row of its wave moved.
      const Float base = select(next.v[r] == -INFINITY, Float(0.0f), next.v[r]);
      scale.v[r] = exp2_fast((max.v[r] - base) * c);
      max.v[r] = next.v[r];
      next.v[r] = base * c;
      if constexpr (kFp8Tiles) next.v[r] = next.v[r] - kWeightExponent;
      sum.v[r] = sum.v[r] * scale.v[r];
    }
#pragma unroll
    for (int i = 0; i < Ops::kScoreSlots; ++i) {
      const int r = Ops::score_row_slot(i);
      Float& x = Ops::score(scores, i);
      x = exp2_fast(lane_fma(x, Float(c), Float(0.0f) - next.v[r]));
      sum.v[r] = sum.v[r] + x;
    }
    return kAlwaysRescales || any_lane(moved);
  }

  FOVEA_DEVICE static void rescale(Sums& sums, const RowValues& scale) {
#pragma unroll
    for (int i = 0; i < Ops::kOutSlots; ++i) Ops::sum(sums, i) = Ops::sum(sums, i) * scale.v[Ops::out_row_slot(i)];
  }

  // The state behind the last tile: maxima in the exp2 domain, as the weights are; sums of whole rows.
  FOVEA_DEVICE static void end_rows(RowValues& max, RowValues& sum, float c) {
#pragma unroll
    for (int r = 0; r < Ops::kRowSlots; ++r) {
      if constexpr (!kScaled) max.v[r] = max.v[r] * c;
      if constexpr (kFp8Tiles) max.v[r] = max.v[r] - kWeightExponent;
    }
    Ops::row_sum(sum);
  }
};

}  // namespace fovea::hip
