// The loop over a row's keys for tiles that copies bring by themselves: kStages of them in shared memory, all but one on their way.
#pragma once

#include "kernels/hip/attention/tile_softmax.h"

namespace fovea::hip {

// Everything between the first key and the last. c: what scores are multiplied with to get into the exp2 domain.
template <class Traits>
FOVEA_DEVICE void copy_loop(const TileSoftmax<Traits>& t, typename TileSoftmax<Traits>::Sums& sums,
                            typename TileSoftmax<Traits>::RowValues& max, typename TileSoftmax<Traits>::RowValues& sum, float c) {
  using Softmax = TileSoftmax<Traits>;
  using Ops = typename Softmax::Ops;
  using Copy = typename Softmax::Copy;
  constexpr int kWaveKeys = Softmax::kWaveKeys, kTileKeys = Softmax::kTileKeys;
  const Workgroup& wg = t.wg;
  const int row_wave = Traits::kKeyWaves == 1 ? wg.wave : wg.wave / Traits::kKeyWaves;
  const int first = Traits::kKeyWaves == 1 ? 0 : wg.wave % Traits::kKeyWaves * kWaveKeys;
  const int wave_row = row_wave * Traits::kWaveRows;
  typename Softmax::RowFacts facts;
  t.start_rows(wave_row, facts, sums, max, sum);

  typename Softmax::Blocks blocks;
  t.start_blocks(blocks);
  typename Ops::Query query;
  t.copy_query();
  if constexpr (Traits::kQueryFirst) {
    copy_commit();
    copy_wait<0>();
    wg.barrier();
    Ops::load_query(wg, 0, wave_row, query);
    wg.barrier();
  }
#pragma unroll
  for (int i = 0; i < Traits::kStages - 1; ++i) {
    t.load_blocks(i, blocks);
    if (i < t.num_tiles) t.issue(i, i, blocks);
    copy_commit();
  }
  t.load_blocks(Traits::kStages - 1, blocks);
  copy_wait<Traits::kStages - 2>();
  wg.barrier();
  if constexpr (!Traits::kQueryFirst) Ops::load_query(wg, 0, wave_row, query);

  int stage = 0;
  for (int i = 0; i < t.num_tiles; ++i) {
    if (i > 0) {
      copy_wait<Traits::kStages - 2>();
      wg.barrier();
    }
    const int begin = t.tile_begin(i), end = t.tile_end(i);
    const bool transposed = t.vectorized() && i < t.context_tiles;
    if (transposed && (begin < t.needed.base.begin || end < begin + kTileKeys || t.has_ranges())) {
      Copy::hide_transposed(wg, t.value_place(stage), [&](Int key) { return t.wanted(key + begin, end); });
      wg.barrier();
    }
    // The stage before this one was read before the barrier.
    const int next = i + Traits::kStages - 1;
    if (next < t.num_tiles) t.issue(next, stage == 0 ? Traits::kStages - 1 : stage - 1, blocks);
    copy_commit();
    t.load_blocks(next + 1, blocks);

    typename Ops::Scores scores;
    Ops::scores(wg, query, t.key_place(stage), first, scores);
    if constexpr (Softmax::kScaled) t.change_scores(scores, begin + first, facts, [&](int) { return c; });
    t.mask_scores(scores, facts, begin + first, end);
    typename Ops::RowValues scale;
    if (t.soften(scores, max, sum, scale, Softmax::kScaled ? 1.0f : c)) t.rescale(sums, scale);
    if constexpr (Copy::kTransposed) {
      if (transposed) {
        Ops::template values<true, kTileKeys>(wg, scores, t.value_place(stage), first, sums);
      } else {
        Ops::template values<false, kTileKeys>(wg, scores, t.value_place(stage), first, sums);
      }
    } else {
      Ops::template values<false, kTileKeys>(wg, scores, t.value_place(stage), first, sums);
    }
    stage = stage + 1 == Traits::kStages ? 0 : stage + 1;
  }
  copy_wait<0>();
  t.end_rows(max, sum, c);
  wg.barrier();
}

}  // namespace fovea::hip
