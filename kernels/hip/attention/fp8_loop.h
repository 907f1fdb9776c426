// The loop over a row's keys for an fp8 cache whose tiles lie in shared memory as they are, and that products widen.
//
// What fp8 holds is exact in f16 too, which takes a fourth of the instructions that bf16 takes. So with an fp8 cache products are
// made in f16 where a wave keeps its queries: bf16 queries are multiplied with a power of two of their row that puts the largest
// element where f16 ends. Elements much smaller than it, by 2^32, begin to lose bits, and are lost by 2^39: far below what the sums
// of the product round away. Weights are multiplied with a power of two likewise. This step's keys and values stay in their own
// type.
#pragma once

#include "kernels/hip/attention/tile_softmax.h"

namespace fovea::hip {

// What a loop over tiles is for: rows that fill their pieces, and one type; kNone: any rows and any type.
template <DataType kType_>
struct Fp8Mode {
  static constexpr DataType kType = kType_;
  static constexpr bool kPlain = kType != DataType::kNone;
};

// As copy_loop.
template <class Traits>
FOVEA_DEVICE void fp8_loop(const TileSoftmax<Traits>& t, typename TileSoftmax<Traits>::Sums& sums,
                           typename TileSoftmax<Traits>::RowValues& max, typename TileSoftmax<Traits>::RowValues& sum, float c) {
  using Softmax = TileSoftmax<Traits>;
  using Ops = typename Softmax::Ops;
  using RowValues = typename Softmax::RowValues;
  using Fp8Ops = typename Softmax::Fp8Ops;
  constexpr int kWaveKeys = Softmax::kWaveKeys, kTileKeys = Softmax::kTileKeys;
  const Workgroup& wg = t.wg;
  const Layer& layer = t.p.layer;
  const int row_wave = Traits::kKeyWaves == 1 ? wg.wave : wg.wave / Traits::kKeyWaves;
  const int first = Traits::kKeyWaves == 1 ? 0 : wg.wave % Traits::kKeyWaves * kWaveKeys;
  const int wave_row = row_wave * Traits::kWaveRows;
  typename Softmax::RowFacts facts;
  t.start_rows(wave_row, facts, sums, max, sum);
  const int scale_head = layer.scales_per_head ? t.kv_head : 0;
  const float k_scale = t.p.k_scale != nullptr ? t.p.k_scale[scale_head] : 1.0f;
  const float v_scale = t.p.v_scale != nullptr ? t.p.v_scale[scale_head] : 1.0f;

  typename Softmax::Blocks blocks;
  t.start_blocks(blocks);
  const bool plain = t.plain_fp8() && layer.cache_type != DataType::kE4M3FNUZ;
  if (plain) {
#pragma unroll
    for (int i = 0; i < Traits::kStages - 1; ++i) {
      t.load_blocks(i, blocks);
      if (i < t.context_tiles) t.template issue_fp8<true>(i, i, blocks);
      copy_commit();
    }
  } else {
#pragma unroll 1
    for (int i = 0; i < Traits::kStages - 1; ++i) {
      t.load_blocks(i, blocks);
      if (i < t.context_tiles) t.template issue_fp8<false>(i, i, blocks);
      copy_commit();
    }
  }
  t.load_blocks(Traits::kStages - 1, blocks);
  // Queries come by way of registers, while the first tiles are on their way.
  t.move_query();
  wg.barrier();
  typename Fp8Ops::Query query;
  RowValues factor;
  Fp8Ops::load_query(wg, 0, wave_row, query, factor);
#pragma unroll
  for (int r = 0; r < Ops::kRowSlots; ++r) factor.v[r] = factor.v[r] * (c * k_scale);

  const auto weigh = [&](typename Ops::Scores& scores, int i, auto factor_of) {
    t.change_scores(scores, t.tile_begin(i) + first, facts, factor_of);
    t.mask_scores(scores, facts, t.tile_begin(i) + first, t.tile_end(i));
    RowValues scale;
    if (t.soften(scores, max, sum, scale, 1.0f)) t.rescale(sums, scale);
  };
  // The loops that nearly all caches take hold nothing that others need: their instructions stay near.
  const auto context = [&](auto mode) {
    using Mode = decltype(mode);
    const bool e4m3 = Mode::kType == DataType::kE4M3FN || (!Mode::kPlain && layer.cache_type == DataType::kE4M3FN);
    int stage = 0;
    for (int i = 0; i < t.context_tiles; ++i) {
      copy_wait<Traits::kStages - 2>();
      wg.barrier();
      // The stage before this one was read before the barrier.
      const int next = i + Traits::kStages - 1;
      if (next < t.context_tiles) t.template issue_fp8<Mode::kPlain>(next, stage == 0 ? Traits::kStages - 1 : stage - 1, blocks);
      copy_commit();
      t.load_blocks(next + 1, blocks);
      typename Ops::Scores scores;
      if (e4m3) {
        Fp8Ops::template scores<DataType::kE4M3FN>(wg, query, t.key_stage(stage), first, layer.cache_type, scores);
      } else {
        Fp8Ops::template scores<Mode::kType>(wg, query, t.key_stage(stage), first, layer.cache_type, scores);
      }
      weigh(scores, i, [&](int r) { return factor.v[r]; });
      if (e4m3) {
        Fp8Ops::template values<DataType::kE4M3FN>(wg, scores, t.value_stage(stage), first, layer.cache_type, sums);
      } else {
        Fp8Ops::template values<Mode::kType>(wg, scores, t.value_stage(stage), first, layer.cache_type, sums);
      }
      stage = stage + 1 == Traits::kStages ? 0 : stage + 1;
    }
  };
  if (!plain) {
    context(Fp8Mode<DataType::kNone>());
  } else if (layer.cache_type == DataType::kE4M3FN) {
    context(Fp8Mode<DataType::kE4M3FN>());
  } else {
    context(Fp8Mode<DataType::kE5M2>());
  }
  if (v_scale != 1.0f) {
#pragma unroll
    for (int i = 0; i < Ops::kOutSlots; ++i) Ops::sum(sums, i) = Ops::sum(sums, i) * v_scale;
  }

  // This step's keys, if they are given, come last.
  if (t.num_tiles > t.context_tiles) {
    typename Ops::Query own;
    Ops::load_query(wg, 0, wave_row, own);
    for (int i = t.context_tiles; i < t.num_tiles; ++i) {
      wg.barrier();  // the tile before was read
      t.move_dense(i);
      wg.barrier();
      typename Ops::Scores scores;
      Ops::scores(wg, own, t.key_place(0), first, scores);
      weigh(scores, i, [&](int) { return c; });
      Ops::template values<false, kTileKeys>(wg, scores, t.value_place(0), first, sums);
    }
  }
  copy_wait<0>();
  t.end_rows(max, sum, c);
  wg.barrier();
}

}  // namespace fovea::hip
