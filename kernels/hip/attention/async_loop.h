// The loop over a row's keys for products that run by themselves: while the weights of a tile meet its values, the softmax of the
// next is computed, whose scores were made before.
//
// Tiles come by copies of the waves that compute, or of waves that do nothing else (kCopyWaves). With these no wave waits for another
// but through the barriers of a stage: of a prefill of 16384 on an H100, 504 TFLOP/s against 441.
#pragma once

#include "kernels/hip/attention/tile_softmax.h"

namespace fovea::hip {

// What copy waves do.
template <class Traits>
FOVEA_DEVICE void copy_tiles(const TileLoader<Traits>& t) {
  const Workgroup& wg = t.wg;
  typename TileLoader<Traits>::Blocks blocks;
  t.start_blocks(blocks);
  int stage = 0, parity = 1;  // the stages' first turn needs no reading: a barrier says so of the turn before its first
  for (int i = 0; i < t.num_tiles; ++i) {
    t.load_blocks(i, blocks);
    barrier_wait(wg, t.stage_barrier(stage, kKeysRead), parity);
    t.template issue<true, false>(i, stage, blocks);
    barrier_arrive_when_copied(wg, t.stage_barrier(stage, kKeysArrived));
    barrier_wait(wg, t.stage_barrier(stage, kValuesRead), parity);
    t.template issue<false, true>(i, stage, blocks);
    barrier_arrive_when_copied(wg, t.stage_barrier(stage, kValuesArrived));
    if (++stage == Traits::kStages) stage = 0, parity = 1 - parity;
  }
}

// As copy_loop.
template <class Traits>
FOVEA_DEVICE void async_loop(const TileSoftmax<Traits>& t, typename TileSoftmax<Traits>::Sums& sums,
                             typename TileSoftmax<Traits>::RowValues& max, typename TileSoftmax<Traits>::RowValues& sum, float c) {
  using Softmax = TileSoftmax<Traits>;
  using Ops = typename Softmax::Ops;
  constexpr int kTileKeys = Softmax::kTileKeys, kStages = Traits::kStages;
  constexpr bool kCopied = Traits::kCopyWaves > 0;
  static_assert(kStages >= 3);
  const Workgroup& wg = t.wg;
  const int wave_row = wg.wave * Traits::kWaveRows;
  typename Softmax::RowFacts facts;
  t.start_rows(wave_row, facts, sums, max, sum);
  [[maybe_unused]] typename Softmax::Blocks blocks;
  typename Ops::Query query;
  Ops::load_query(wg, 0, wave_row, query);
  t.copy_query();
  if constexpr (kCopied) {
    copy_commit();
    copy_wait<0>();
    publish_to_products();
    wg.barrier();
  } else {
    t.start_blocks(blocks);
#pragma unroll
    for (int i = 0; i < kStages - 1; ++i) {
      t.load_blocks(i, blocks);
      if (i < t.num_tiles) t.issue(i, i, blocks);
      copy_commit();
    }
    t.load_blocks(kStages - 1, blocks);
  }
  typename Ops::Scores scores;
  typename Ops::Weights weights;
  typename Ops::RowValues scale;
  // Scores of tile i become weights.
  const auto weigh = [&](int i) {
    const int begin = t.tile_begin(i);
    if constexpr (Softmax::kScaled) t.change_scores(scores, begin, facts, [&](int) { return c; });
    t.mask_scores(scores, facts, begin, t.tile_end(i));
    return t.soften(scores, max, sum, scale, Softmax::kScaled ? 1.0f : c);
  };
  const auto hide_values = [&](int i, int stage) {
    const int begin = t.tile_begin(i), end = t.tile_end(i);
    const bool whole = begin >= t.needed.base.begin && end == begin + kTileKeys && !t.has_ranges();
    if (whole || !t.vectorized() || i >= t.context_tiles) return;
    if constexpr (kCopied) wg.barrier();
    Softmax::Hide::hide_transposed(wg, t.value_place(stage), [&](Int key) { return t.wanted(key + begin, end); });
    publish_to_products();
    wg.barrier();
  };
  const auto keys_arrive = [&](int i, int stage, int parity) {
    if constexpr (kCopied) {
      barrier_wait(wg, t.stage_barrier(stage, kKeysArrived), parity);
      publish_to_products();
    } else {
      // Of the first tile's copies all later ones may be under way; in the loop one fewer has been started.
      if (i == 0) {
        copy_wait<kStages - 2>();
      } else {
        copy_wait<kStages - 3>();
      }
      publish_to_products();
      wg.barrier();
      hide_values(i, stage);
    }
  };
  const auto values_arrive = [&](int i, int stage, int parity) {
    if constexpr (kCopied) {
      barrier_wait(wg, t.stage_barrier(stage, kValuesArrived), parity);
      publish_to_products();
      hide_values(i, stage);
    }
  };
  const auto were_read = [&](int stage, StageBarrier what) {
    if constexpr (kCopied) {
      if (wg.lane == 0) barrier_arrive(wg, t.stage_barrier(stage, what));
    }
  };
  const auto multiply_values = [&](int i, int stage) {
    if (t.vectorized() && i < t.context_tiles) {
      Ops::template begin_values<true>(wg, weights, t.value_place(stage), sums);
    } else {
      Ops::template begin_values<false>(wg, weights, t.value_place(stage), sums);
    }
  };
  int stage = 0, parity = 0;
  if (t.num_tiles > 0) {
    keys_arrive(0, 0, 0);
    Ops::begin_scores(wg, query, t.key_place(0), scores);
    Ops::wait_all(scores, sums);
    were_read(0, kKeysRead);
    weigh(0);
    Ops::pack(scores, weights);
  }
  for (int i = 0; i < t.num_tiles; ++i) {
    const bool wraps = stage + 1 == kStages;
    const int next_stage = wraps ? 0 : stage + 1, next_parity = wraps ? 1 - parity : parity;
    const bool more = i + 1 < t.num_tiles;
    bool moved = false;
    if (more) {
      keys_arrive(i + 1, next_stage, next_parity);
      values_arrive(i, stage, parity);
      Ops::begin_scores(wg, query, t.key_place(next_stage), scores);
      if constexpr (!kCopied) {
        // Behind the barrier all waves are done with tile i - 1, whose stage these copies take. They are started while the
        // scores are made: a wave that has asked for the values' products too does nothing until most of them are done.
        const int next = i + kStages - 1;
        if (next < t.num_tiles) t.issue(next, stage == 0 ? kStages - 1 : stage - 1, blocks);
        copy_commit();
        t.load_blocks(next + 1, blocks);
      }
      multiply_values(i, stage);
      Ops::wait_scores(scores);
      were_read(next_stage, kKeysRead);
      moved = weigh(i + 1);
    } else {
      values_arrive(i, stage, parity);
      multiply_values(i, stage);
    }
    Ops::wait_all(scores, sums);
    were_read(stage, kValuesRead);
    if (more) {
      if (moved) t.rescale(sums, scale);
      Ops::pack(scores, weights);
    }
    stage = next_stage;
    parity = next_parity;
  }
  if constexpr (!kCopied) copy_wait<0>();
  t.end_rows(max, sum, c);
  wg.barrier();
}

}  // namespace fovea::hip
