// Attention of one workgroup: packed query rows of one KV head of one sequence against an interval of its keys.
//
// Waves share the rows (row waves) or the keys of a tile (key waves): many rows need no exchange between waves, and few rows
// keep all waves busy. Keys and values stream through shared memory in kStages tiles. The state of a row (maximum, sum,
// weighted values) stays in registers until the end, where the key waves' states are combined in order.
//
// Entries that share rows with others leave their state in memory for split_merge.h. A merge by the last workgroup to arrive
// would save a launch and cost counters that somebody has to clear, because workspace is anybody's, and fences.
#pragma once

#include "kernels/hip/attention/tile_loader.h"
#include "kernels/hip/attention/write_rows.h"

namespace fovea::hip {

template <class Traits>
struct TileKernel : TileLoader<Traits> {
  using Loader = TileLoader<Traits>;
  using Loader::Loader;
  using Type = typename Loader::Type;
  using Ops = typename Loader::Ops;
  using RowValues = typename Loader::RowValues;
  using Blocks = typename Loader::Blocks;
  using Loader::kHeadSize;
  using Loader::kRows;
  using Loader::kTileKeys;
  using Loader::kWaveKeys;
  using Loader::kThreads;
  using Loader::kPieces;
  using Loader::kFeatures;
  using Loader::kFp8;
  using Loader::kFp8Tiles;
  using Loader::kScaled;
  using Loader::p;
  using Loader::wg;
  using Loader::entry;
  using Loader::s;
  using Loader::needed;
  using Loader::kv_head;
  using Loader::rows;
  using Loader::context_tiles;
  using Loader::num_tiles;
  using Loader::tile_begin;
  using Loader::tile_end;
  using Loader::key_place;
  using Loader::value_place;
  using Loader::key_stage;
  using Loader::value_stage;
  using Loader::has_ranges;
  using Loader::vectorized;
  using Loader::wanted;
  using Loader::begin;
  using Loader::start_blocks;
  using Loader::load_blocks;
  using Loader::copy_query;
#if FOVEA_HAS_ASYNC_COPIES
  using Copy = typename Loader::Copy;
  using Fp8Ops = typename Loader::Fp8Ops;
  using Loader::issue;
  using Loader::move_dense;
#else
  using Ahead = typename Loader::Ahead;
  using Loader::fetch;
  using Loader::land;
#endif

  // What masks and scores need to know of the rows that a lane holds.
  struct RowFacts {
    Int position[Ops::kRowSlots];
    Interval<Int> range[kFeatures ? Ops::kRowSlots : 1];
    Float slope[kFeatures ? Ops::kRowSlots : 1];
  };
  FOVEA_DEVICE void start_rows(int wave_row, RowFacts& facts, typename Ops::Sums& sums, RowValues& max, RowValues& sum) const {
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
  FOVEA_DEVICE void mask_scores(typename Ops::Scores& scores, const RowFacts& facts, int begin, int end) const {
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

  // Everything between the first key and the last. c: what scores are multiplied with to get into the exp2 domain.
#if FOVEA_HAS_ASYNC_COPIES
  FOVEA_DEVICE void loop(typename Ops::Sums& sums, RowValues& max, RowValues& sum, float c) const {
    const Layer& layer = p.layer;
    const int row_wave = Traits::kKeyWaves == 1 ? wg.wave : wg.wave / Traits::kKeyWaves;
    const int key_wave = Traits::kKeyWaves == 1 ? 0 : wg.wave % Traits::kKeyWaves;
    const int wave_row = row_wave * Traits::kWaveRows;
    RowFacts facts;
    start_rows(wave_row, facts, sums, max, sum);

    const int scale_head = layer.scales_per_head ? kv_head : 0;
    const float k_scale = kFp8 && p.k_scale != nullptr ? p.k_scale[scale_head] : 1.0f;
    const float v_scale = kFp8 && p.v_scale != nullptr ? p.v_scale[scale_head] : 1.0f;
    Blocks blocks;
    start_blocks(blocks);
    typename Ops::Query query;
    copy_query();
    if constexpr (Traits::kQueryFirst) {
      copy_commit();
      copy_wait<0>();
      wg.barrier();
      Ops::load_query(wg, 0, wave_row, query);
      wg.barrier();
    }
#pragma unroll
    for (int i = 0; i < Traits::kStages - 1; ++i) {
      load_blocks(i, blocks);
      if (i < num_tiles) issue(i, i, blocks);
      copy_commit();
    }
    load_blocks(Traits::kStages - 1, blocks);
    copy_wait<Traits::kStages - 2>();
    wg.barrier();
    if constexpr (!Traits::kQueryFirst) Ops::load_query(wg, 0, wave_row, query);

    int stage = 0;
    for (int i = 0; i < num_tiles; ++i) {
      int tile = stage;
      if constexpr (kFp8Tiles) {
        if (i < context_tiles) {
          if (i > 0) {
            copy_wait<Traits::kStages - 2>();
            wg.barrier();
          }
        } else {
          wg.barrier();  // the tile before was read
          move_dense(i);
          wg.barrier();
          tile = 0;
        }
      } else if (i > 0) {
        copy_wait<Traits::kStages - 2>();
        wg.barrier();
      }
      const int begin = tile_begin(i), end = tile_end(i);
      const bool transposed = vectorized() && i < context_tiles;
      if (!kFp8Tiles && transposed && (begin < needed.base.begin || end < begin + kTileKeys || has_ranges())) {
        Copy::hide_transposed(wg, value_place(tile), [&](Int key) { return wanted(key + begin, end); });
        wg.barrier();
      }
      // The stage before this one was read before the barrier.
      const int next = i + Traits::kStages - 1;
      if (next < num_tiles) issue(next, stage == 0 ? Traits::kStages - 1 : stage - 1, blocks);
      copy_commit();
      load_blocks(next + 1, blocks);

      typename Ops::Scores scores;
      const int first = key_wave * kWaveKeys;
      const bool fp8_tile = kFp8Tiles && i < context_tiles;
      [[maybe_unused]] const bool e4m3 = layer.cache_type == DataType::kE4M3FN;
      if (fp8_tile && e4m3) {
        if constexpr (kFp8) Fp8Ops::template scores<true>(wg, query, key_stage(stage), first, layer.cache_type, scores);
      } else if (fp8_tile) {
        if constexpr (kFp8) Fp8Ops::template scores<false>(wg, query, key_stage(stage), first, layer.cache_type, scores);
      } else {
        Ops::scores(wg, query, key_place(tile), first, scores);
      }

      float factor = c;
      if constexpr (kScaled) {
        factor = 1.0f;
        change_scores(scores, begin + first, facts, kFp8 && i < context_tiles ? c * k_scale : c);
      }
      mask_scores(scores, facts, begin + first, end);
      RowValues scale;
      if (soften(scores, max, sum, scale, factor)) rescale(sums, scale);
      if constexpr (kFp8) {
        if (i < context_tiles && v_scale != 1.0f) {
#pragma unroll
          for (int j = 0; j < Ops::kScoreSlots; ++j) Ops::score(scores, j) = Ops::score(scores, j) * v_scale;
        }
      }
      if (fp8_tile) {
        if constexpr (kFp8) {
          if (e4m3) {
            Fp8Ops::template values<true>(wg, scores, value_stage(stage), first, layer.cache_type, sums);
          } else {
            Fp8Ops::template values<false>(wg, scores, value_stage(stage), first, layer.cache_type, sums);
          }
        }
      } else if constexpr (Copy::kTransposed && !kFp8Tiles) {
        if (transposed) {
          Ops::template values<true, kTileKeys>(wg, scores, value_place(tile), first, sums);
        } else {
          Ops::template values<false, kTileKeys>(wg, scores, value_place(tile), first, sums);
        }
      } else {
        Ops::template values<false, kTileKeys>(wg, scores, value_place(tile), first, sums);
      }
      stage = stage + 1 == Traits::kStages ? 0 : stage + 1;
    }
    copy_wait<0>();
#pragma unroll
    for (int r = 0; r < Ops::kRowSlots; ++r) max.v[r] = max.v[r] * factor_of_max(c);
    Ops::row_sum(sum);
    wg.barrier();
  }
#else
  // The same for copies by way of registers: while a tile is computed, the next one is in registers or on its way there.
  FOVEA_DEVICE void loop(typename Ops::Sums& sums, RowValues& max, RowValues& sum, float c) const {
    static_assert(Traits::kStages <= 2);
    const Layer& layer = p.layer;
    const int row_wave = Traits::kKeyWaves == 1 ? wg.wave : wg.wave / Traits::kKeyWaves;
    const int key_wave = Traits::kKeyWaves == 1 ? 0 : wg.wave % Traits::kKeyWaves;
    const int wave_row = row_wave * Traits::kWaveRows, first = key_wave * kWaveKeys;
    RowFacts facts;
    start_rows(wave_row, facts, sums, max, sum);

    const int scale_head = layer.scales_per_head ? kv_head : 0;
    const float k_scale = kFp8 && p.k_scale != nullptr ? p.k_scale[scale_head] : 1.0f;
    const float v_scale = kFp8 && p.v_scale != nullptr ? p.v_scale[scale_head] : 1.0f;
    Blocks blocks;
    start_blocks(blocks);
    typename Ops::Query query;
    copy_query();
    copy_commit();
    if constexpr (Traits::kQueryFirst) {
      copy_wait<0>();
      wg.barrier();
      Ops::load_query(wg, 0, wave_row, query);
      wg.barrier();
    }
    // Without a value it would keep its registers from one item of the unified kernel to the next.
    [[maybe_unused]] Ahead ahead = {};
    load_blocks(0, blocks);
    if constexpr (Traits::kAhead) {
      if (num_tiles > 0) fetch(0, blocks, ahead);
      load_blocks(1, blocks);
    }
    copy_wait<0>();
    wg.barrier();
    if constexpr (!Traits::kQueryFirst) Ops::load_query(wg, 0, wave_row, query);

    // The first turn only brings a tile.
    int tile = 0;
    for (int i = -1; i < num_tiles; ++i) {
      if (i >= 0) {
        typename Ops::Scores scores;
        Ops::scores(wg, query, key_place(tile), first, scores);
        float factor = c;
        if constexpr (kScaled) {
          factor = 1.0f;
          change_scores(scores, tile_begin(i) + first, facts, kFp8 && i < context_tiles ? c * k_scale : c);
        }
        mask_scores(scores, facts, tile_begin(i) + first, tile_end(i));
        RowValues scale;
        if (soften(scores, max, sum, scale, factor)) rescale(sums, scale);
        if constexpr (kFp8) {
          if (i < context_tiles && v_scale != 1.0f) {
#pragma unroll
            for (int j = 0; j < Ops::kScoreSlots; ++j) Ops::score(scores, j) = Ops::score(scores, j) * v_scale;
          }
        }
        Ops::template values<false, kTileKeys>(wg, scores, value_place(tile), first, sums);
        if constexpr (Traits::kStages == 1) wg.lds_barrier();  // the tile was read
      }
      if constexpr (Traits::kStages == 2) tile = 1 - tile;
      if (i + 1 < num_tiles) {
        if constexpr (Traits::kAhead) {
          land(i + 1, tile, ahead);
          if (i + 2 < num_tiles) fetch(i + 2, blocks, ahead);
          load_blocks(i + 3, blocks);
        } else {
          this->move(i + 1, tile, blocks);
          load_blocks(i + 2, blocks);
        }
      }
      wg.lds_barrier();
    }
#pragma unroll
    for (int r = 0; r < Ops::kRowSlots; ++r) max.v[r] = max.v[r] * factor_of_max(c);
    Ops::row_sum(sum);
    wg.barrier();
  }
#endif

  static FOVEA_DEVICE float factor_of_max(float c) { return kScaled ? 1.0f : c; }

  // Scores to the exp2 domain with soft cap and bias.
  FOVEA_DEVICE void change_scores(typename Ops::Scores& scores, int first, const RowFacts& facts, float c) const {
    const Layer& layer = p.layer;
    const float cap = layer.softcap;
    const Int lane = lane_anew();
    const float inner = cap > 0.0f ? 2.0f * c / cap : 0.0f;
#pragma unroll
    for (int i = 0; i < Ops::kScoreSlots; ++i) {
      Float& x = Ops::score(scores, i);
      if (kFeatures && cap > 0.0f) {
        // tanh(y) = 1 - 2 / (1 + exp(2 y)); c already holds log2(e).
        x = (1.0f - 2.0f / (1.0f + exp2_fast(x * inner))) * (cap * kLog2E);
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
  FOVEA_DEVICE static bool soften(typename Ops::Scores& scores, RowValues& max, RowValues& sum, RowValues& scale, float c) {
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

  FOVEA_DEVICE static void rescale(typename Ops::Sums& sums, const RowValues& scale) {
#pragma unroll
    for (int i = 0; i < Ops::kOutSlots; ++i) Ops::sum(sums, i) = Ops::sum(sums, i) * scale.v[Ops::out_row_slot(i)];
  }

#if FOVEA_HAS_WGMMA
  // The loop for products that run by themselves: while the weights of a tile meet its values, the softmax of the next is
  // computed, whose scores were made before.
  FOVEA_DEVICE void async_loop(typename Ops::Sums& sums, RowValues& max, RowValues& sum, float c) const {
    const Layer& layer = p.layer;
    const int wave_row = wg.wave * Traits::kWaveRows;
    RowFacts facts;
    start_rows(wave_row, facts, sums, max, sum);
    Blocks blocks;
    start_blocks(blocks);
    typename Ops::Query query;
    Ops::load_query(wg, 0, wave_row, query);
    copy_query();
#pragma unroll
    for (int i = 0; i < Traits::kStages - 1; ++i) {
      load_blocks(i, blocks);
      if (i < num_tiles) issue(i, i, blocks);
      copy_commit();
    }
    load_blocks(Traits::kStages - 1, blocks);
    const float factor = kScaled ? 1.0f : c;
    typename Ops::Scores scores;
    typename Ops::Weights weights;
    RowValues scale;
    // Scores of tile i become weights.
    const auto weigh = [&](int i) {
      const int begin = tile_begin(i);
      if constexpr (kScaled) change_scores(scores, begin, facts, c);
      mask_scores(scores, facts, begin, tile_end(i));
      return soften(scores, max, sum, scale, factor);
    };
    static_assert(Traits::kStages >= 3);
    const auto arrive = [&](int i, int stage) {
      // Of the first tile's copies all later ones may be under way; in the loop one fewer has been started.
      if (i == 0) {
        copy_wait<Traits::kStages - 2>();
      } else {
        copy_wait<Traits::kStages - 3>();
      }
      publish_to_products();
      wg.barrier();
      const int begin = tile_begin(i), end = tile_end(i);
      if (vectorized() && i < context_tiles && (begin < needed.base.begin || end < begin + kTileKeys || has_ranges())) {
        Copy::hide_transposed(wg, value_place(stage), [&](Int key) { return wanted(key + begin, end); });
        publish_to_products();
        wg.barrier();
      }
    };
    const auto multiply_values = [&](int i, int stage) {
      if (vectorized() && i < context_tiles) {
        Ops::template begin_values<true>(wg, weights, value_place(stage), sums);
      } else {
        Ops::template begin_values<false>(wg, weights, value_place(stage), sums);
      }
    };
    if (num_tiles > 0) {
      arrive(0, 0);
      Ops::begin_scores(wg, query, key_place(0), scores);
      Ops::wait_all(scores, sums);
      weigh(0);
      Ops::pack(scores, weights);
    }
    int stage = 0;
    for (int i = 0; i < num_tiles; ++i) {
      const int next_stage = stage + 1 == Traits::kStages ? 0 : stage + 1;
      const bool more = i + 1 < num_tiles;
      bool moved = false;
      if (more) {
        arrive(i + 1, next_stage);
        Ops::begin_scores(wg, query, key_place(next_stage), scores);
        // Behind arrive's barrier all waves are done with tile i - 1, whose stage these copies take. They are started while
        // the scores are made: a wave that has asked for the values' products too does nothing until most of them are done.
        const int next = i + Traits::kStages - 1;
        if (next < num_tiles) issue(next, stage == 0 ? Traits::kStages - 1 : stage - 1, blocks);
        copy_commit();
        load_blocks(next + 1, blocks);
        multiply_values(i, stage);
        Ops::wait_scores(scores);
        moved = weigh(i + 1);
      } else {
        multiply_values(i, stage);
      }
      Ops::wait_all(scores, sums);
      if (more) {
        if (moved) rescale(sums, scale);
        Ops::pack(scores, weights);
      }
      stage = next_stage;
    }
    copy_wait<0>();
#pragma unroll
    for (int r = 0; r < Ops::kRowSlots; ++r) max.v[r] = max.v[r] * factor_of_max(c);
    Ops::row_sum(sum);
    wg.barrier();
  }
#endif

  // --- the end: states go through shared memory, where waves meet and rows become contiguous ---

  // `element` of the part's elements.
  FOVEA_DEVICE static Int sums_place(Int row, Int element) { return (row * Traits::kStateStride + element) * 4; }
  // The first row, and the first element of all rows, of a part.
  FOVEA_DEVICE static int first_row(int part) { return part / Traits::kElementParts * Traits::kStateRows; }
  FOVEA_DEVICE static int first_element(int part) { return part % Traits::kElementParts * Traits::kPartElements; }
  // The element of a row that a slot of the sums is.
  FOVEA_DEVICE static Int out_element(Int lane, int slot) {
#if FOVEA_HAS_ASYNC_COPIES
    if constexpr (kFp8) return Fp8Ops::out_element(lane, slot);
#endif
    return Ops::out_element(lane, slot);
  }
  FOVEA_DEVICE static Int stats_place(Int row) { return (Traits::kKeyWaves * Traits::kStateRows * Traits::kStateStride + row * 2) * 4; }

  // The states of one part.
  FOVEA_DEVICE void publish(int part, typename Ops::Sums& sums, const RowValues& max, const RowValues& sum) const {
    constexpr int kPartWaves = Traits::kStateRows / Traits::kWaveRows;
    const int row_wave = wg.wave / Traits::kKeyWaves - part / Traits::kElementParts * kPartWaves, key_wave = wg.wave % Traits::kKeyWaves;
    if (part > 0) wg.barrier();
    if (Traits::kStateParts == Traits::kElementParts || (row_wave >= 0 && row_wave < kPartWaves)) {
      const int first = key_wave * Traits::kStateRows + row_wave * Traits::kWaveRows;
      // Places are made anew for each turn: kept, they would take registers that tiles need.
      const Int lane = Traits::kTurns > 1 ? opaque(wg.lane) : wg.lane;
#pragma unroll
      for (int r = 0; r < Ops::kRowSlots; ++r) {
        const Int row = Ops::row_of(lane, r) + first;
        const Bool leader = Ops::row_leader(lane);
        lds_store(wg, stats_place(row), max.v[r], leader);
        lds_store(wg, stats_place(row) + 4, sum.v[r], leader);
      }
#pragma unroll
      for (int i = 0; i < Ops::kOutSlots; ++i) {
        const Int row = Ops::row_of(lane, Ops::out_row_slot(i)) + first;
        const Int element = out_element(lane, i) - first_element(part);
        const Bool here = Traits::kElementParts == 1 ? row >= 0 : (element >= 0) & (element < Traits::kPartElements);
        lds_store(wg, sums_place(row, element), Ops::sum(sums, i), here);
      }
    }
    wg.barrier();
  }

  // State and four sums of a row of the published part, the key waves combined; `element` of the part's.
  FOVEA_DEVICE RowState collect(Int row, Int element, Float (&v)[4]) const {
    RowState state = {lds_load(wg, stats_place(row)), lds_load(wg, stats_place(row) + 4)};
    const Quad q = lds_load_quad(wg, sums_place(row, element));
#pragma unroll
    for (int i = 0; i < 4; ++i) v[i] = float_of(q.w[i]);
#pragma unroll
    for (int w = 1; w < Traits::kKeyWaves; ++w) {
      const Int other_row = row + w * Traits::kStateRows;
      const RowState other = {lds_load(wg, stats_place(other_row)), lds_load(wg, stats_place(other_row) + 4)};
      const Quad o = lds_load_quad(wg, sums_place(other_row, element));
      Float scale, other_scale;
      combine(state, other, scale, other_scale);
#pragma unroll
      for (int i = 0; i < 4; ++i) v[i] = v[i] * scale + float_of(o.w[i]) * other_scale;
    }
    return state;
  }

  // Entries that share rows have all of a sequence's, so a turn's first row is its place among them.
  FOVEA_DEVICE int64_t partial_row() const {
    return (static_cast<int64_t>(entry.first_slot + entry.split) * p.layer.num_kv_heads + kv_head) * rows_of_kind(Traits::kKind) +
           (Traits::kTurns > 1 ? entry.row_begin : 0);
  }

  // Calls f(row, element, mask) for every four elements of `num_elements` of rows [0, count).
  template <class F>
  FOVEA_DEVICE void for_each_four(int count, int num_elements, F f) const {
    const int fours = num_elements / 4;
    for (int i = 0; i < count * fours; i += kThreads) {
      const Int index = wg.thread() + i;
      const Bool mask = index < count * fours;
      const Int row = select(mask, index / fours, Int(0));
      f(row, select(mask, index % fours, Int(0)) * 4, mask);
    }
  }

  FOVEA_DEVICE void finish(typename Ops::Sums& sums, const RowValues& max, const RowValues& sum) const {
    const RowWriter writer(p, s, kv_head);
    constexpr int kPartials = Traits::kKind == kSmall ? kSmall : kMedium;  // many rows are never split
    float* partials = p.partials[kPartials];
    float* stats = p.partial_stats[kPartials];
    const int head_size_v = p.layer.head_size_v;
    for (int part = 0; part < Traits::kStateParts; ++part) {
      publish(part, sums, max, sum);
      const int first = first_row(part), begin = first_element(part);
      const int count = uniform_min(rows - first, Traits::kStateRows);
      const int num_elements = Traits::kElementParts == 1 ? head_size_v : uniform_min(head_size_v - begin, Traits::kPartElements);
      if (entry.num_splits == 1) {
        for_each_four(count, num_elements, [&](Int row, Int element, Bool mask) {
          Float v[4];
          const RowState state = collect(row, element, v);
          writer.write(row + (first + entry.row_begin), element + begin, state, v, mask);
        });
        continue;
      }
      for_each_four(count, num_elements, [&](Int row, Int element, Bool mask) {
        Float v[4];
        const RowState state = collect(row, element, v);
        const Long at = to_long(row) + (partial_row() + first);
        Quad q;
#pragma unroll
        for (int i = 0; i < 4; ++i) q.w[i] = bits_of(v[i]);
        global_store_quad(reinterpret_pointer<char>(partials + (at * head_size_v + to_long(element + begin))), q, mask);
        const Bool leads = mask & (element + begin == 0);
        global_store(stats + at * 2, state.max, leads);
        global_store(stats + at * 2 + 1, state.sum, leads);
      });
    }
  }

  FOVEA_DEVICE void run() {
    const int kind = Traits::kKind;
    if (wg.x >= p.plan.header->num_entries[kind]) return;
    compute(p.plan.entries[kind][wg.x], wg.y);
  }

  FOVEA_DEVICE void compute(const WorkEntry& work, int head) {
    entry = work;
    kv_head = head;
    bool invalid = entry.seq < 0;
    if (invalid) entry.seq = -1 - entry.seq;
    if (p.batch.block_table != nullptr && p.plan.block_max[entry.seq * 2 + (p.key.data == nullptr)] >= p.key_cache.num_blocks) {
      invalid = true;
    }
    if (invalid && p.async_error != nullptr && wg.wave == 0) {
      global_min(p.async_error, as_uint(wg.lane * 0 + entry.seq), wg.lane == 0);
    }
    for (int turn = 0; turn < Traits::kTurns; ++turn) {
      if (turn > 0) {
        entry.row_begin += kRows;
        if (entry.row_begin >= s.query_len * p.layer.group) return;
        wg.barrier();
      }
      compute_rows(invalid);
    }
  }

  // What the workgroup computes at once of its entry's rows.
  FOVEA_DEVICE void compute_rows(bool invalid) {
    begin();
    typename Ops::Sums sums;
    RowValues max, sum;
    float c = p.layer.scale * kLog2E;
    if (p.q_scale != nullptr) c *= *p.q_scale;
    if (invalid) num_tiles = 0, context_tiles = 0;
#if FOVEA_HAS_WGMMA
    if constexpr (Traits::kAsync) {
      async_loop(sums, max, sum, c);
    } else {
      loop(sums, max, sum, c);
    }
#else
    loop(sums, max, sum, c);
#endif
    if (invalid) {
#pragma unroll
      for (int r = 0; r < Ops::kRowSlots; ++r) sum.v[r] = float_of(Uint(0x7fc00000u));
    }
    finish(sums, max, sum);
  }
};

}  // namespace fovea::hip
