// Attention of one workgroup: packed query rows of one KV head of one sequence against an interval of its keys.
//
// Waves share the rows (row waves) or the keys of a tile (key waves): many rows need no exchange between waves, and few rows
// keep all waves busy. Keys and values stream through shared memory in kStages tiles. The state of a row (maximum, sum,
// weighted values) stays in registers until the end, where the key waves' states are combined in order.
//
// Entries that share rows with others leave their state in memory for split_merge.h. A merge by the last workgroup to arrive
// would save a launch and cost counters that somebody has to clear, because workspace is anybody's, and fences.
#pragma once

#include "kernels/hip/attention/fp8_copy.h"
#include "kernels/hip/attention/write_rows.h"

namespace fovea::hip {

// What one instance is compiled for.
template <class Type_, int kHeadSize_, int kKind_, bool kFp8_, bool kFeatures_>
struct TileTraits {
  using Type = Type_;
  static constexpr int kHeadSize = kHeadSize_;  // of query, key and value, each padded to it
  static constexpr int kKind = kKind_;
  static constexpr bool kFp8 = kFp8_;            // of the cache, not of this step's keys
  static constexpr bool kFeatures = kFeatures_;  // soft cap, ALiBi, prefix ranges
  static constexpr TileShape kShape = TargetShapes::of(kHeadSize, kKind, kFp8);
  static constexpr TileSizes kSizes = tile_sizes(kShape, kWaveSize, kHeadSize, kKind, kFp8);
  static_assert(TargetShapes::kWaveSize == kWaveSize);
  static constexpr int kRows = kSizes.rows;
  static constexpr int kTurns = rows_of_kind(kKind) / kRows;
  static constexpr int kWaveRows = kShape.wave_rows;
  static constexpr int kRowWaves = kRows / kWaveRows;
  static constexpr int kKeyWaves = kShape.key_waves;
  static constexpr int kTileKeys = kShape.tile_keys;
  static constexpr int kStages = kShape.stages;
  static constexpr int kThreads = kSizes.threads;
  static constexpr int kWorkgroupsPerUnit = kShape.workgroups;
  static constexpr bool kQueryFirst = kShape.query_first;
  static constexpr bool kAsync = kShape.async;

  static constexpr int kTileBytes = kSizes.tile_bytes;
  static constexpr int kTilesAt = kSizes.tiles_at;
  static constexpr int kStageBytes = kSizes.stage_bytes;
  static constexpr int kStagesAt = kSizes.stages_at;
  static constexpr int kTiles = kFp8 ? kShape.wide_tiles : kStages;
  static constexpr int kStateStride = kSizes.state_stride;
  static constexpr int kStateParts = kShape.state_parts;
  static constexpr int kStateRows = kSizes.state_rows;
  static_assert(kStateRows % kWaveRows == 0);
  static constexpr int kLdsBytes = kSizes.lds_bytes;
};

// The products of a wave, and how tiles lie in shared memory for them.
template <class Traits, int kWaveKeys, bool kAsync = Traits::kAsync>
struct TileProducts {
  using Ops = Tile<typename Traits::Type, Traits::kHeadSize, Traits::kWaveRows, kWaveKeys>;
  using Layout = RowLayout<Traits::kHeadSize / 8, Traits::kTileKeys>;
};
#if FOVEA_HAS_WGMMA
template <class Traits, int kWaveKeys>
struct TileProducts<Traits, kWaveKeys, true> {
  using Ops = AsyncTile<typename Traits::Type, Traits::kHeadSize, kWaveKeys, Traits::kRows>;
  struct Layout {
    static FOVEA_DEVICE Int query(Int row, Int piece) { return Ops::query_place(row, piece); }
    static FOVEA_DEVICE Int key(Int row, Int piece, int sixteen) { return Ops::key_place(row, piece) + sixteen * 16 * Ops::kPanelBytes; }
    static FOVEA_DEVICE Int transposed(Int element, Int piece) { return Ops::transposed_place(element, piece); }
  };
};
#endif

template <class Traits>
struct TileKernel {
  using Type = typename Traits::Type;
  static constexpr int kHeadSize = Traits::kHeadSize;
  static constexpr int kRows = Traits::kRows;
  static constexpr int kTileKeys = Traits::kTileKeys;
  static constexpr int kWaveKeys = kTileKeys / Traits::kKeyWaves;
  static constexpr int kThreads = Traits::kThreads;
  static constexpr int kPieces = kHeadSize / 8;
  static constexpr int kSixteens = kTileKeys / 16;
  static constexpr bool kFeatures = Traits::kFeatures;
  using Products = TileProducts<Traits, kWaveKeys>;
  using Ops = typename Products::Ops;
  using Layout = typename Products::Layout;
  using Copy = TileCopy<Layout, kPieces, kTileKeys, kThreads>;
  using Narrow = Fp8Copy<Type, kHeadSize, kTileKeys, kThreads>;
  static constexpr bool kFp8 = Traits::kFp8;
  // Products read fp8 tiles where they lie; else they are widened first.
  static constexpr bool kFp8Tiles = kFp8 && FOVEA_HAS_FP8_TILES;
#if FOVEA_HAS_FP8_TILES
  using Fp8Ops = Fp8Tile<Type, kHeadSize, Traits::kWaveRows, kWaveKeys>;
#endif
  // Scores are in the exp2 domain before the softmax sees them, not as they come from the product.
  static constexpr bool kScaled = Traits::kFeatures || kFp8;
  using RowValues = typename Ops::RowValues;

  const ForwardParams& p;
  const Workgroup& wg;
  WorkEntry entry;
  Sequence s;
  NeededKeys needed;
  int kv_head;
  int rows;           // of this workgroup
  int context_tiles;  // from the cache
  int context_end;
  int dense_begin;
  int num_tiles;

  FOVEA_DEVICE TileKernel(const ForwardParams& params, const Workgroup& workgroup) : p(params), wg(workgroup) {}

  FOVEA_DEVICE int tile_begin(int i) const {
    return i < context_tiles ? entry.kv_begin + i * kTileKeys : dense_begin + (i - context_tiles) * kTileKeys;
  }
  FOVEA_DEVICE int tile_end(int i) const {
    return uniform_min(tile_begin(i) + kTileKeys, i < context_tiles ? context_end : entry.kv_end);
  }
  // Where a tile of 16-bit elements lies, and a stage of copies: the same place, unless stages hold fp8.
  FOVEA_DEVICE static int key_place(int tile) { return Traits::kTilesAt + tile * 2 * Traits::kTileBytes; }
  FOVEA_DEVICE static int value_place(int tile) { return key_place(tile) + Traits::kTileBytes; }
  FOVEA_DEVICE static int key_stage(int stage) { return Traits::kStagesAt + stage * 2 * Traits::kStageBytes; }
  FOVEA_DEVICE static int value_stage(int stage) { return key_stage(stage) + Traits::kStageBytes; }

  FOVEA_DEVICE bool has_ranges() const { return kFeatures && p.layer.prefix_ranges != PrefixRanges::kNone; }

  FOVEA_DEVICE Bool wanted(Int key, int end) const {
    if (has_ranges()) return (key < end) & is_needed<true>(p.layer, p.batch, s, needed, key);
    return (key >= needed.base.begin) & (key < end);
  }

  FOVEA_DEVICE void begin() {
    const Layer& layer = p.layer;
    s = load_sequence(layer, p.batch, entry.seq);
    rows = uniform_min(kRows, s.query_len * layer.group - entry.row_begin);
    const int first = s.context_len + entry.row_begin / layer.group;
    const int last = s.context_len + (entry.row_begin + rows - 1) / layer.group;
    needed = needed_keys(layer, s, first, last);
    const bool dense = p.key.data != nullptr;
    const int boundary = dense ? uniform_max(s.context_len, 0) : entry.kv_end;
    context_end = uniform_min(boundary, entry.kv_end);
    context_tiles = uniform_max(context_end - entry.kv_begin + kTileKeys - 1, 0) / kTileKeys;
    dense_begin = uniform_max(boundary, entry.kv_begin);
    num_tiles = context_tiles + (dense ? uniform_max(entry.kv_end - dense_begin + kTileKeys - 1, 0) / kTileKeys : 0);
  }

  // Where the next tile's 16-key pieces lie; walks along with load_blocks.
  struct BlockWalk {
    int index;   // column of the block table
    int within;  // key of the block
  };
  // Blocks that the keys of a tile lie in, one for each 16 keys, -1 where no key is wanted, and the first key in each.
  struct Blocks {
    int id[kSixteens];
    int within[kSixteens];
  };
  FOVEA_DEVICE void load_blocks(int i, BlockWalk& walk, Blocks& blocks) const {
    if (i >= context_tiles) return;
    const int32_t* table = p.batch.block_table + s.index * p.batch.block_table_stride;
    const int begin = tile_begin(i), end = tile_end(i);
#pragma unroll
    for (int g = 0; g < kSixteens; ++g) {
      const int t = begin + g * 16;
      bool any = t < end && t + 16 > needed.base.begin;
      if (has_ranges()) any = t < end && any_lane(wanted(wg.lane % 16 + t, end));
      blocks.id[g] = any ? table[walk.index] : -1;
      blocks.within[g] = walk.within;
      walk.within += 16;
      if (walk.within == p.layer.block_size) {
        walk.within = 0;
        ++walk.index;
      }
    }
  }

  static FOVEA_DEVICE uint64_t wide(uint32_t a, uint32_t b) { return static_cast<uint64_t>(a) * b; }

  // Starts the copies of tile i.
  FOVEA_DEVICE void issue(int i, int stage, const Blocks& blocks) const {
    const Layer& layer = p.layer;
    const int begin = tile_begin(i), end = tile_end(i);
    const int key_bytes = layer.head_size * 2, value_bytes = layer.head_size_v * 2;
    const bool dense = i >= context_tiles;
    if (kFp8 && dense) return;  // widen moves them
    const int key_row = static_cast<int>(dense ? p.key.row_stride : p.key_cache.row_stride);
    const int value_row = static_cast<int>(dense ? p.value.row_stride : p.value_cache.row_stride);
    const char* key_base = dense ? p.key.data + kv_head * p.key.head_stride : p.key_cache.data + kv_head * p.key_cache.head_stride;
    const char* value_base =
        dense ? p.value.data + kv_head * p.value.head_stride : p.value_cache.data + kv_head * p.value_cache.head_stride;
    // Offsets are made anew for each tile: kept, they would take registers that the sums need.
    Workgroup here = wg;
    here.lane = opaque(wg.lane);
    if ((!kFp8 || (kFp8Tiles && p.narrow_rows == 0)) && !dense && !layer.vectorized && !has_ranges() &&
        begin >= needed.base.begin && end == begin + kTileKeys && layer.head_size == kHeadSize && layer.head_size_v == kHeadSize) {
#pragma unroll
      for (int g = 0; g < kSixteens; ++g) {
        const int block = blocks.id[g], within = blocks.within[g];
#if FOVEA_HAS_FP8_TILES
        if constexpr (kFp8) {
          Narrow::whole_rows(here, key_base + (wide(block, static_cast<uint32_t>(p.key_cache.block_stride)) + wide(within, key_row)),
                             key_row, key_stage(stage), g);
          Narrow::whole_rows(here, value_base + (wide(block, static_cast<uint32_t>(p.value_cache.block_stride)) + wide(within, value_row)),
                             value_row, value_stage(stage), g);
          continue;
        }
#endif
        Copy::whole_rows(here, key_base + (wide(block, static_cast<uint32_t>(p.key_cache.block_stride)) + wide(within, key_row)), key_row,
                         key_stage(stage), g);
        Copy::whole_rows(here, value_base + (wide(block, static_cast<uint32_t>(p.value_cache.block_stride)) + wide(within, value_row)),
                         value_row, value_stage(stage), g);
      }
      return;
    }
#pragma unroll
    for (int g = 0; g < kSixteens; ++g) {
      const int t = begin + g * 16;
      const char* k;
      const char* v;
      int first = needed.base.begin - t, last = end - t;
      if (dense) {
        const int64_t token = s.first_token + (t - s.context_len);
        k = key_base + token * p.key.row_stride;
        v = value_base + token * p.value.row_stride;
      } else {
        const int block = blocks.id[g];
        // A block's bytes fit 32 bits, a cache's do not.
        k = key_base + (wide(block, static_cast<uint32_t>(p.key_cache.block_stride)) + wide(blocks.within[g], key_row));
        v = value_base + (wide(block, static_cast<uint32_t>(p.value_cache.block_stride)) + wide(blocks.within[g], value_row));
        if (block < 0) last = 0;
      }
      if constexpr (kFp8) {
        const auto load = [&](Int row) {
          return has_ranges() ? (row < last) & wanted(row + t, end) : (row >= first) & (row < last);
        };
#if FOVEA_HAS_FP8_TILES
        // Those hidden among sixteen keys of an element are left out one by one.
        const auto load_value = [&](Int row) {
          return (row < last) & (has_ranges() ? wanted(row + t, end) : row >= first);
        };
        if (layer.vectorized) {
          Narrow::issue_rows(here, kFp8VectorizedKeys, k, static_cast<int>(p.key_cache.group_stride), layer.head_size, false,
                             key_stage(stage), g, last > 0, load);
          Narrow::issue_rows(here, kFp8VectorizedValues, v, static_cast<int>(p.value_cache.group_stride), layer.head_size_v, false,
                             value_stage(stage), g, last > 0, load_value);
        } else {
          Narrow::issue_rows(here, kFp8Rows, k, key_row, layer.head_size, p.narrow_rows != 0, key_stage(stage), g, last > 0, load);
          Narrow::issue_rows(here, kFp8Rows, v, value_row, layer.head_size_v, p.narrow_rows != 0, value_stage(stage), g, last > 0, load);
        }
#else
        if (layer.vectorized) {
          Narrow::issue(here, kFp8VectorizedKeys, k, static_cast<int>(p.key_cache.group_stride), layer.head_size, false,
                        key_stage(stage), g, load);
          Narrow::issue(here, kFp8VectorizedValues, v, static_cast<int>(p.value_cache.group_stride), layer.head_size_v, false,
                        value_stage(stage), g, [&](Int row) { return row * 0 < last; });
        } else {
          Narrow::issue(here, kFp8Rows, k, key_row, layer.head_size, p.narrow_rows != 0, key_stage(stage), g, load);
          Narrow::issue(here, kFp8Rows, v, value_row, layer.head_size_v, p.narrow_rows != 0, value_stage(stage), g, load);
        }
#endif
      } else if (!dense && layer.vectorized) {
        if (has_ranges()) first = 0;
        Copy::vectorized_keys(here, k, static_cast<int>(p.key_cache.group_stride), key_bytes, key_place(stage), g, first, last);
        Copy::vectorized_values(here, v, static_cast<int>(p.value_cache.group_stride), layer.head_size_v, value_place(stage), g, last);
      } else if (has_ranges()) {
        const auto load = [&](Int row) { return (row < last) & wanted(row + t, end); };
        Copy::some_rows(here, k, key_row, key_bytes, key_place(stage), g, load);
        Copy::some_rows(here, v, value_row, value_bytes, value_place(stage), g, load);
      } else {
        Copy::rows(here, k, key_row, key_bytes, key_place(stage), g, first, last);
        Copy::rows(here, v, value_row, value_bytes, value_place(stage), g, first, last);
      }
    }
  }

#if FOVEA_HAS_FP8_TILES
  // This step's rows as a 16-bit tile in the order of fp8 tiles, in the place of the first stages.
  FOVEA_DEVICE void move_dense(int i) const {
    const int begin = tile_begin(i), end = tile_end(i);
    const auto move = [&](const Rows& from, int head_size, int to, bool values) {
      const char* base = from.data + kv_head * from.head_stride;
#pragma unroll
      for (int g = 0; g < kSixteens; ++g) {
        const int t = begin + g * 16;
        const int64_t token = s.first_token + (t - s.context_len);
#pragma unroll
        for (int c = 0; c < Copy::kCopies; ++c) {
          const Int row = Copy::row_of(wg, c), piece = Copy::piece_of(wg, c);
          const Bool here = Copy::takes_part(wg, c);
          const Quad q = global_load_quad(base + (token * from.row_stride + to_long(row * static_cast<int>(from.row_stride) + piece * 16)),
                                          here & wanted(row + t, end) & (piece * 8 < head_size));
          const auto place = [&](Int at) { return Layout::key(row, at, g) + to; };
          if (values) {
            store_parted(wg, place, piece, q, here);
          } else {
            store_permuted(wg, place, piece, q, here);
          }
        }
      }
    };
    move(p.key, p.layer.head_size, key_place(0), false);
    move(p.value, p.layer.head_size_v, value_place(0), true);
  }
#endif

  // Makes 16-bit tiles of what this thread copied of tile i, or moves dense rows there.
  FOVEA_DEVICE void widen(int i, int stage, int tile) const {
    const Layer& layer = p.layer;
    const int begin = tile_begin(i), end = tile_end(i);
    Workgroup here = wg;
    here.lane = opaque(wg.lane);
    if (i >= context_tiles) {
      const auto move = [&](const Rows& rows_of, int head_size, int to) {
        const char* base = rows_of.data + kv_head * rows_of.head_stride;
#pragma unroll
        for (int g = 0; g < kSixteens; ++g) {
          const int t = begin + g * 16;
          const int64_t token = s.first_token + (t - s.context_len);
          Copy::move_rows(here, base + token * rows_of.row_stride, static_cast<int>(rows_of.row_stride), head_size * 2, to, g,
                          [&](Int row) { return wanted(row + t, end); });
        }
      };
      move(p.key, layer.head_size, key_place(tile));
      move(p.value, layer.head_size_v, value_place(tile));
      return;
    }
    const Fp8Order keys = layer.vectorized ? kFp8VectorizedKeys : kFp8Rows;
    const Fp8Order values = layer.vectorized ? kFp8VectorizedValues : kFp8Rows;
#pragma unroll
    for (int g = 0; g < kSixteens; ++g) {
      Narrow::widen(here, keys, layer.cache_type, key_stage(stage), key_place(tile), g);
      Narrow::widen(here, values, layer.cache_type, value_stage(stage), value_place(tile), g);
    }
  }

  FOVEA_DEVICE void copy_query() const {
    const Layer& layer = p.layer;
    const bool narrow = layer.query_type != DataType::kF16 && layer.query_type != DataType::kBF16;
#pragma unroll 1
    for (int i = 0; i < kRows * kPieces; i += kThreads) {
      const Int index = wg.thread() + i;
      const Int row = quotient<kPieces>(index), piece = remainder<kPieces>(index);
      const Int packed = row + entry.row_begin;
      const Int token = packed / layer.group + s.first_token, head = packed % layer.group + kv_head * layer.group;
      const Long offset = to_long(token) * p.query.row_stride + to_long(head) * p.query.head_stride;
      const Bool exists = (row < rows) & (piece * 8 < layer.head_size);
      const Int to = Layout::query(row, piece);
      const Bool here = index < kRows * kPieces;
#if FOVEA_HAS_FP8_TILES
      if constexpr (kFp8) {
        const Quad q = narrow ? widen_fp8(p.query.data + (offset + to_long(piece * 8)), exists)
                              : global_load_quad(p.query.data + (offset + to_long(piece * 16)), exists);
        store_permuted(wg, [&](Int at) { return Layout::query(row, at); }, piece, q, here);
        continue;
      }
#endif
      if (narrow) {
        lds_store_quad(wg, to, widen_fp8(p.query.data + (offset + to_long(piece * 8)), exists), here);
      } else {
        copy_async16<kRows * kPieces % kThreads == 0>(wg, here, to, p.query.data + (offset + to_long(piece * 16)), exists);
      }
    }
  }

  // Eight elements of an fp8 query; zeros where there are none.
  FOVEA_DEVICE Quad widen_fp8(Pointer from, Bool exists) const {
    const Quad bytes = global_load_half_quad(from, exists);
    Quad q;
#pragma unroll
    for (int w = 0; w < 4; ++w) {
      const Uint pair = bytes.w[w / 2] >> (w % 2 * 16);
      q.w[w] = Pack16<Type>::pack(from_fp8(pair & 0xffu, p.layer.query_type), from_fp8((pair >> 8) & 0xffu, p.layer.query_type));
    }
    return q;
  }

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
        }
      }
    }
#pragma unroll
    for (int i = 0; i < Ops::kOutSlots; ++i) Ops::sum(sums, i) = Float(0.0f);
  }

  // Hides what rows do not see of the wave's keys [begin, begin + kWaveKeys) of a tile that ends at `end`.
  FOVEA_DEVICE void mask_scores(typename Ops::Scores& scores, const RowFacts& facts, int begin, int end) const {
    const bool interior = begin >= needed.all.begin && begin + kWaveKeys <= uniform_min(needed.all.end, end);
    if (interior) return;
#pragma unroll
    for (int r = 0; r < Ops::kRowSlots; ++r) {
      Interval<Int> base = base_interval_of_rows(p.layer, s, facts.position[r]);
      base.end = lane_min(base.end, Int(end));
#pragma unroll
      for (int i = 0; i < Ops::kScoreSlots; ++i) {
        if (Ops::score_row_slot(i) != r) continue;
        const Int t = Ops::score_key(wg.lane, i) + begin;
        Bool visible = (t >= base.begin) & (t < base.end);
        if constexpr (kFeatures) visible = visible | ((t >= facts.range[r].begin) & (t < lane_min(facts.range[r].end, Int(end))));
        Ops::score(scores, i) = select(visible, Ops::score(scores, i), Float(-INFINITY));
      }
    }
  }

  // Everything between the first key and the last. c: what scores are multiplied with to get into the exp2 domain.
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
    BlockWalk walk = {entry.kv_begin / layer.block_size, entry.kv_begin % layer.block_size};
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
      load_blocks(i, walk, blocks);
      if (i < num_tiles) issue(i, i, blocks);
      copy_commit();
    }
    load_blocks(Traits::kStages - 1, walk, blocks);
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
#if FOVEA_HAS_FP8_TILES
          wg.barrier();  // the tile before was read
          move_dense(i);
          wg.barrier();
          tile = 0;
#endif
        }
      } else if constexpr (kFp8) {
        tile = i % Traits::kTiles;
        copy_wait<Traits::kStages - 2>();
        if (Traits::kTiles == 1 && i > 0) wg.barrier();  // the tile before was read
        widen(i, stage, tile);
        wg.barrier();
      } else if (i > 0) {
        copy_wait<Traits::kStages - 2>();
        wg.barrier();
      }
      const int begin = tile_begin(i), end = tile_end(i);
      const bool transposed = layer.vectorized && i < context_tiles;
      if (!kFp8Tiles && transposed && (begin < needed.base.begin || end < begin + kTileKeys || has_ranges())) {
        Copy::hide_transposed(wg, value_place(tile), [&](Int key) { return wanted(key + begin, end); });
        wg.barrier();
      }
      // The stage before this one was read before the barrier.
      const int next = i + Traits::kStages - 1;
      if (next < num_tiles) issue(next, stage == 0 ? Traits::kStages - 1 : stage - 1, blocks);
      copy_commit();
      load_blocks(next + 1, walk, blocks);

      typename Ops::Scores scores;
      const int first = key_wave * kWaveKeys;
      const bool fp8_tile = kFp8Tiles && i < context_tiles;
      [[maybe_unused]] const bool e4m3 = layer.cache_type == DataType::kE4M3FN;
#if FOVEA_HAS_FP8_TILES
      if (fp8_tile && e4m3) {
        if constexpr (kFp8) Fp8Ops::template scores<true>(wg, query, key_stage(stage), first, layer.cache_type, scores);
      } else if (fp8_tile) {
        if constexpr (kFp8) Fp8Ops::template scores<false>(wg, query, key_stage(stage), first, layer.cache_type, scores);
      } else {
        Ops::scores(wg, query, key_place(tile), first, scores);
      }
#else
      Ops::scores(wg, query, key_place(tile), first, scores);
#endif

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
#if FOVEA_HAS_FP8_TILES
        if constexpr (kFp8) {
          if (e4m3) {
            Fp8Ops::template values<true>(wg, scores, value_stage(stage), first, layer.cache_type, sums);
          } else {
            Fp8Ops::template values<false>(wg, scores, value_stage(stage), first, layer.cache_type, sums);
          }
        }
#endif
      } else if constexpr (kTransposedValues && !kFp8Tiles) {
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

  static FOVEA_DEVICE float factor_of_max(float c) { return kScaled ? 1.0f : c; }

  // Scores to the exp2 domain with soft cap and bias.
  FOVEA_DEVICE void change_scores(typename Ops::Scores& scores, int first, const RowFacts& facts, float c) const {
    const Layer& layer = p.layer;
    const float cap = layer.softcap;
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
        Float distance = to_float(lane_abs(facts.position[r] - (Ops::score_key(wg.lane, i) + first)));
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
    BlockWalk walk = {entry.kv_begin / layer.block_size, entry.kv_begin % layer.block_size};
    typename Ops::Query query;
    Ops::load_query(wg, 0, wave_row, query);
    copy_query();
#pragma unroll
    for (int i = 0; i < Traits::kStages - 1; ++i) {
      load_blocks(i, walk, blocks);
      if (i < num_tiles) issue(i, i, blocks);
      copy_commit();
    }
    load_blocks(Traits::kStages - 1, walk, blocks);
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
      if (layer.vectorized && i < context_tiles && (begin < needed.base.begin || end < begin + kTileKeys || has_ranges())) {
        Copy::hide_transposed(wg, value_place(stage), [&](Int key) { return wanted(key + begin, end); });
        publish_to_products();
        wg.barrier();
      }
    };
    const auto multiply_values = [&](int i, int stage) {
      if (layer.vectorized && i < context_tiles) {
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
        multiply_values(i, stage);
        // Behind arrive's barrier all waves are done with tile i - 1, whose stage these copies take. They are started while
        // the products run.
        const int next = i + Traits::kStages - 1;
        if (next < num_tiles) issue(next, stage == 0 ? Traits::kStages - 1 : stage - 1, blocks);
        copy_commit();
        load_blocks(next + 1, walk, blocks);
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

  FOVEA_DEVICE static Int sums_place(Int row, Int element) { return (row * Traits::kStateStride + element) * 4; }
  // The element of a row that a slot of the sums is.
  FOVEA_DEVICE Int out_element(int slot) const {
#if FOVEA_HAS_FP8_TILES
    if constexpr (kFp8) return Fp8Ops::out_element(wg.lane, slot);
#endif
    return Ops::out_element(wg.lane, slot);
  }
  FOVEA_DEVICE static Int stats_place(Int row) { return (Traits::kKeyWaves * Traits::kStateRows * Traits::kStateStride + row * 2) * 4; }

  // The states of one part of the rows.
  FOVEA_DEVICE void publish(int part, typename Ops::Sums& sums, const RowValues& max, const RowValues& sum) const {
    constexpr int kPartWaves = Traits::kStateRows / Traits::kWaveRows;
    const int row_wave = wg.wave / Traits::kKeyWaves - part * kPartWaves, key_wave = wg.wave % Traits::kKeyWaves;
    if (part > 0) wg.barrier();
    if (Traits::kStateParts == 1 || (row_wave >= 0 && row_wave < kPartWaves)) {
      const int first = key_wave * Traits::kStateRows + row_wave * Traits::kWaveRows;
#pragma unroll
      for (int r = 0; r < Ops::kRowSlots; ++r) {
        const Int row = Ops::row_of(wg.lane, r) + first;
        const Bool leader = Ops::row_leader(wg.lane);
        lds_store(wg, stats_place(row), max.v[r], leader);
        lds_store(wg, stats_place(row) + 4, sum.v[r], leader);
      }
#pragma unroll
      for (int i = 0; i < Ops::kOutSlots; ++i) {
        const Int row = Ops::row_of(wg.lane, Ops::out_row_slot(i)) + first;
        lds_store(wg, sums_place(row, out_element(i)), Ops::sum(sums, i), row >= 0);
      }
    }
    wg.barrier();
  }

  // State and four sums of a row of the published part, the key waves combined.
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

  FOVEA_DEVICE int64_t partial_row() const {
    return (static_cast<int64_t>(entry.first_slot + entry.split) * p.layer.num_kv_heads + kv_head) * kRows;
  }

  // Calls f(row, element, mask) for every four elements of rows [0, count).
  template <class F>
  FOVEA_DEVICE void for_each_four(int count, F f) const {
    const int fours = p.layer.head_size_v / 4;
    for (int i = 0; i < count * fours; i += kThreads) {
      const Int index = wg.thread() + i;
      const Bool mask = index < count * fours;
      const Int row = select(mask, index / fours, Int(0));
      f(row, select(mask, index % fours, Int(0)) * 4, mask);
    }
  }

  FOVEA_DEVICE void finish(typename Ops::Sums& sums, const RowValues& max, const RowValues& sum) const {
    const RowWriter writer(p, s, kv_head);
    float* partials = p.partials;
    float* stats = p.partial_stats;
    const int head_size_v = p.layer.head_size_v;
    for (int part = 0; part < Traits::kStateParts; ++part) {
      publish(part, sums, max, sum);
      const int first = part * Traits::kStateRows;
      const int count = uniform_min(rows - first, Traits::kStateRows);
      if (entry.num_splits == 1) {
        for_each_four(count, [&](Int row, Int element, Bool mask) {
          Float v[4];
          const RowState state = collect(row, element, v);
          writer.write(row + (first + entry.row_begin), element, state, v, mask);
        });
        continue;
      }
      for_each_four(count, [&](Int row, Int element, Bool mask) {
        Float v[4];
        const RowState state = collect(row, element, v);
        const Long at = to_long(row) + (partial_row() + first);
        Quad q;
#pragma unroll
        for (int i = 0; i < 4; ++i) q.w[i] = bits_of(v[i]);
        global_store_quad(reinterpret_pointer<char>(partials + (at * head_size_v + to_long(element))), q, mask);
        global_store(stats + at * 2, state.max, mask & (element == 0));
        global_store(stats + at * 2 + 1, state.sum, mask & (element == 0));
      });
    }
  }

  FOVEA_DEVICE void run() {
    const int kind = Traits::kKind;
    if (wg.x >= p.plan.header->num_entries[kind]) return;
    entry = p.plan.entries[kind][wg.x];
    kv_head = wg.y;
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
