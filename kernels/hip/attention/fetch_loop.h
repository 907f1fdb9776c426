// The loop over a row's keys for copies by way of registers: while a tile is computed, the next one is in registers or on its way
// there.
#pragma once

#include "kernels/hip/attention/tile_softmax.h"

namespace fovea::hip {

// Everything between the first key and the last. c: what scores are multiplied with to get into the exp2 domain.
template <class Traits>
FOVEA_DEVICE void fetch_loop(const TileSoftmax<Traits>& t, typename TileSoftmax<Traits>::Sums& sums, typename TileSoftmax<Traits>::RowValues& max,
                             typename TileSoftmax<Traits>::RowValues& sum, float c) {
  using Softmax = TileSoftmax<Traits>;
  using Ops = typename Softmax::Ops;
  constexpr int kWaveKeys = Softmax::kWaveKeys, kTileKeys = Softmax::kTileKeys;
  constexpr bool kFp8 = Softmax::kFp8, kScaled = Softmax::kScaled;
  const Workgroup& wg = t.wg;
  static_assert(Traits::kStages <= 2);
  const Layer& layer = t.p.layer;
  const int row_wave = Traits::kKeyWaves == 1 ? wg.wave : wg.wave / Traits::kKeyWaves;
  const int key_wave = Traits::kKeyWaves == 1 ? 0 : wg.wave % Traits::kKeyWaves;
  const int wave_row = row_wave * Traits::kWaveRows, first = key_wave * kWaveKeys;
  typename Softmax::RowFacts facts;
  t.start_rows(wave_row, facts, sums, max, sum);

  const int scale_head = layer.scales_per_head ? t.kv_head : 0;
  const float k_scale = kFp8 && t.p.k_scale != nullptr ? t.p.k_scale[scale_head] : 1.0f;
  const float v_scale = kFp8 && t.p.v_scale != nullptr ? t.p.v_scale[scale_head] : 1.0f;
  typename Softmax::Blocks blocks;
  t.start_blocks(blocks);
  typename Ops::Query query;
  t.copy_query();
  copy_commit();
  if constexpr (Traits::kQueryFirst) {
    copy_wait<0>();
    wg.barrier();
    Ops::load_query(wg, 0, wave_row, query);
    wg.barrier();
  }
  // Without a value it would keep its registers from one item of the unified kernel to the next.
  [[maybe_unused]] typename Softmax::Ahead ahead = {};
  t.load_blocks(0, blocks);
  if constexpr (Traits::kAhead) {
    if (t.num_tiles > 0) t.fetch(0, blocks, ahead);
    t.load_blocks(1, blocks);
  }
  copy_wait<0>();
  wg.barrier();
  if constexpr (!Traits::kQueryFirst) Ops::load_query(wg, 0, wave_row, query);

  // The first turn only brings a tile.
  int tile = 0;
  for (int i = -1; i < t.num_tiles; ++i) {
    if (i >= 0) {
      typename Ops::Scores scores;
      Ops::scores(wg, query, t.key_place(tile), first, scores);
      if constexpr (kScaled) {
        const float factor = kFp8 && i < t.context_tiles ? c * k_scale : c;
        t.change_scores(scores, t.tile_begin(i) + first, facts, [&](int) { return factor; });
      }
      t.mask_scores(scores, facts, t.tile_begin(i) + first, t.tile_end(i));
      typename Ops::RowValues scale;
      if (t.soften(scores, max, sum, scale, kScaled ? 1.0f : c)) t.rescale(sums, scale);
      if constexpr (kFp8) {
        if (i < t.context_tiles && v_scale != 1.0f) {
#pragma unroll
          for (int j = 0; j < Ops::kScoreSlots; ++j) Ops::score(scores, j) = Ops::score(scores, j) * v_scale;
        }
      }
      Ops::template values<false, kTileKeys>(wg, scores, t.value_place(tile), first, sums);
      if constexpr (Traits::kStages == 1) wg.lds_barrier();  // the tile was read
    }
    if constexpr (Traits::kStages == 2) tile = 1 - tile;
    if (i + 1 < t.num_tiles) {
      if constexpr (Traits::kAhead) {
        t.land(i + 1, tile, ahead);
        if (i + 2 < t.num_tiles) t.fetch(i + 2, blocks, ahead);
        t.load_blocks(i + 3, blocks);
      } else {
        t.move(i + 1, tile, blocks);
        t.load_blocks(i + 2, blocks);
      }
    }
    wg.lds_barrier();
  }
  t.end_rows(max, sum, c);
  wg.barrier();
}

}  // namespace fovea::hip
