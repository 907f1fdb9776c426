// What an attention tile is compiled for, and how its queries, keys and values get into shared memory.
#pragma once

#include "kernels/hip/device/device.h"
#if FOVEA_HAS_ASYNC_COPIES
#include "kernels/hip/attention/fp8_copy.h"
#include "kernels/hip/attention/kv_copy.h"
#else
#include "kernels/hip/attention/kv_fetch.h"
#endif

namespace fovea::hip {

// What one instance is compiled for.
// kUnified: for the one kernel of all kinds, which is causal and reads the strided cache only.
template <class Type_, int kHeadSize_, int kKind_, bool kFp8_, bool kFeatures_, bool kUnified_ = false>
struct TileTraits {
  using Type = Type_;
  static constexpr int kHeadSize = kHeadSize_;  // of query, key and value, each padded to it
  static constexpr int kKind = kKind_;
  static constexpr bool kFp8 = kFp8_;            // of the cache, not of this step's keys
  static constexpr bool kFeatures = kFeatures_;  // soft cap, ALiBi, prefix ranges
  static constexpr bool kUnified = kUnified_;
  static constexpr bool kF32 = Type::kBytes == 4;
  static_assert(!(kF32 && (kUnified || kFp8)));
  static constexpr TileShape kShape = kF32        ? TargetShapes::of_f32(kHeadSize, kKind)
                                      : kUnified ? TargetShapes::unified(kHeadSize, kKind, kFp8)
                                                 : TargetShapes::of(kHeadSize, kKind, kFp8);
  static_assert(kShape.element_bytes == Type::kBytes);
  static constexpr TileSizes kSizes = tile_sizes(kShape, kWaveSize, kHeadSize, kKind, kFp8);
  static_assert(TargetShapes::kWaveSize == kWaveSize);
  static constexpr int kRows = kSizes.rows;
  static constexpr int kTurns = kUnified ? 1 : rows_of_kind(kKind) / kRows;
  static constexpr int kWaveRows = kShape.wave_rows;
  static constexpr int kRowWaves = kRows / kWaveRows;
  static constexpr int kKeyWaves = kShape.key_waves;
  static constexpr int kTileKeys = kShape.tile_keys;
  static constexpr int kStages = kShape.stages;
  static constexpr int kThreads = kSizes.compute_threads;
  static constexpr int kAllThreads = kSizes.threads;  // with the copy waves
  static constexpr int kCopyWaves = kShape.copy_waves;
  static constexpr int kWorkgroupsPerUnit = kShape.workgroups;
  static constexpr bool kQueryFirst = kShape.query_first;
  static constexpr bool kAsync = kShape.async;

  static constexpr int kTileBytes = kSizes.tile_bytes;
  static constexpr int kTilesAt = kSizes.tiles_at;
  static constexpr int kStageBytes = kSizes.stage_bytes;
  static constexpr bool kAhead = kShape.ahead;
  static constexpr int kStateStride = kSizes.state_stride;
  static constexpr int kStateParts = kShape.state_parts;
  static constexpr int kStateRows = kSizes.state_rows;
  static constexpr int kElementParts = kSizes.element_parts;
  static constexpr int kPartElements = kHeadSize / kElementParts;
  static_assert(kStateRows % kWaveRows == 0 && kRows / kStateRows * kElementParts == kStateParts && kPartElements % 4 == 0);
  static constexpr int kLdsBytes = kSizes.lds_bytes;
};

// The products of a wave, and how tiles lie in shared memory for them.
template <class Traits, int kWaveKeys, bool kAsync = Traits::kAsync>
struct TileProducts {
  using Ops = Tile<typename Traits::Type, Traits::kHeadSize, Traits::kWaveRows, kWaveKeys>;
  using Layout = RowLayout<Traits::kHeadSize * Traits::Type::kBytes / 16, Traits::kTileKeys>;
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

// Geometry of one workgroup's work, and its copies.
template <class Traits>
struct TileLoader {
  using Type = typename Traits::Type;
  static constexpr int kHeadSize = Traits::kHeadSize;
  static constexpr int kRows = Traits::kRows;
  static constexpr int kTileKeys = Traits::kTileKeys;
  static constexpr int kWaveKeys = kTileKeys / Traits::kKeyWaves;
  static constexpr int kThreads = Traits::kThreads;
  static constexpr int kElementBytes = Type::kBytes;
  static constexpr int kPieces = kHeadSize * kElementBytes / 16;  // of a row in shared memory
  static constexpr int kSixteens = kTileKeys / 16;
  static constexpr bool kFeatures = Traits::kFeatures;
  using Products = TileProducts<Traits, kWaveKeys>;
  using Ops = typename Products::Ops;
  using Layout = typename Products::Layout;
  static constexpr bool kFp8 = Traits::kFp8;
#if FOVEA_HAS_ASYNC_COPIES
  // Copies of the waves that bring tiles.
  static constexpr int kCopyThreads = Traits::kCopyWaves > 0 ? Traits::kCopyWaves * kWaveSize : kThreads;
  using Copy = TileCopy<Layout, kPieces, kTileKeys, kCopyThreads, kElementBytes>;
  using Hide = TileCopy<Layout, kPieces, kTileKeys, kThreads, kElementBytes>;
  using Narrow = Fp8Copy<Type, kHeadSize, kTileKeys, kThreads>;
  using Fp8Ops = Fp8Tile<Type, kHeadSize, Traits::kWaveRows, kWaveKeys>;
  using Blocks = LaneBlocks<kSixteens>;
  // Products read fp8 tiles where they lie.
  static constexpr bool kFp8Tiles = kFp8;
#else
  using Fetch = TileFetch<kPieces, kTileKeys, kThreads, kElementBytes>;
  using Narrow = Fp8Fetch<Type, kHeadSize, kTileKeys, kThreads>;
  // Who copies what of the cache.
  using CacheShares = FetchShares<kFp8 ? kHeadSize : 16 * kPieces, kTileKeys, kThreads>;
  using Blocks = ScalarBlocks<CacheShares::kSteps, CacheShares::kGroups>;
  static constexpr bool kFp8Tiles = false;  // they are widened on their way
  // Of keys and of values that a thread has under way.
  struct Ahead {
    Pieces<Fetch::kCount> keys, values;
  };
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

  FOVEA_DEVICE TileLoader(const ForwardParams& params, const Workgroup& workgroup) : p(params), wg(workgroup) {}

  FOVEA_DEVICE int tile_begin(int i) const {
    return i < context_tiles ? entry.kv_begin + i * kTileKeys : dense_begin + (i - context_tiles) * kTileKeys;
  }
  FOVEA_DEVICE int tile_end(int i) const {
    // Values, not one of two places: the compiler would keep those in memory.
    const int of_context = context_end, of_all = entry.kv_end;
    return uniform_min(tile_begin(i) + kTileKeys, i < context_tiles ? of_context : of_all);
  }
  // Where a tile lies. Stages of fp8 take the same place.
  FOVEA_DEVICE static int key_place(int tile) { return Traits::kTilesAt + tile * 2 * Traits::kTileBytes; }
  FOVEA_DEVICE static int value_place(int tile) { return key_place(tile) + Traits::kTileBytes; }
  FOVEA_DEVICE static int key_stage(int stage) { return Traits::kTilesAt + stage * 2 * Traits::kStageBytes; }
  FOVEA_DEVICE static int value_stage(int stage) { return key_stage(stage) + Traits::kStageBytes; }
  FOVEA_DEVICE static int stage_barrier(int stage, StageBarrier what) { return Traits::kSizes.barriers_at + (stage * kStageBarriers + what) * 8; }

  FOVEA_DEVICE bool has_ranges() const {
    return kFeatures && !Traits::kUnified && p.layer.prefix_ranges != PrefixRanges::kNone;
  }
  FOVEA_DEVICE bool vectorized() const { return !Traits::kUnified && p.layer.vectorized != 0; }

  FOVEA_DEVICE Bool wanted(Int key, int end) const {
    if (has_ranges()) return (key < end) & is_needed<true>(p.layer, p.batch, s, needed, key);
    return (key >= needed.base.begin) & (key < end);
  }

  FOVEA_DEVICE void begin() {
    const Layer& layer = p.layer;
    s = load_sequence(layer, p.batch, entry.seq);
    if constexpr (Traits::kUnified) s.causal = true;
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

  FOVEA_DEVICE void start_blocks(Blocks& blocks) const {
#if FOVEA_HAS_ASYNC_COPIES
    blocks.start(wg, entry.kv_begin, p.layer.block_size);
#else
    blocks.start(entry.kv_begin + CacheShares::group(wg) * 16, p.layer.block_size);
#endif
  }
  // Looks up the blocks of tile i, the one behind that of the call before.
  FOVEA_DEVICE void load_blocks(int i, Blocks& blocks) const {
    if (i >= context_tiles) return;
    const int32_t* table = p.batch.block_table + s.index * p.batch.block_table_stride;
    const int begin = tile_begin(i), end = tile_end(i);
#if FOVEA_HAS_ASYNC_COPIES
    blocks.load(wg, table, p.layer.block_size, [&](Int sixteen) -> Bool {
      if (!has_ranges()) return (sixteen * 16 + begin < end) & (sixteen * 16 + (begin + 16) > needed.base.begin);
      Bool any = sixteen < 0;
#pragma unroll 1
      for (int g = 0; g < kSixteens; ++g) {
        const int t = g * 16 + begin;
        if (t < end && any_lane(wanted(wg.lane % 16 + t, end))) any = any | (sixteen == g);
      }
      return any;
    });
#else
    blocks.load(table, p.layer.block_size, [&](int step) {
      const int t = CacheShares::sixteen_of(wg, step) * 16 + begin;
      bool any = t < end && t + 16 > needed.base.begin;
      if (has_ranges()) any = t < end && any_lane(wanted(wg.lane % 16 + t, end));
      return any;
    });
#endif
  }

#if FOVEA_HAS_ASYNC_COPIES
  // Starts the copies of tile i, or of its keys or its values.
  template <bool kKeys = true, bool kValues = true>
  FOVEA_DEVICE void issue(int i, int stage, const Blocks& blocks) const {
    const Layer& layer = p.layer;
    const int begin = tile_begin(i), end = tile_end(i);
    const int key_bytes = layer.head_size * kElementBytes, value_bytes = layer.head_size_v * kElementBytes;
    const bool dense = i >= context_tiles;
    const int key_row = static_cast<int>(dense ? p.key.row_stride : p.key_cache.row_stride);
    const int value_row = static_cast<int>(dense ? p.value.row_stride : p.value_cache.row_stride);
    const char* key_base = dense ? p.key.data + kv_head * p.key.head_stride : p.key_cache.data + kv_head * p.key_cache.head_stride;
    const char* value_base =
        dense ? p.value.data + kv_head * p.value.head_stride : p.value_cache.data + kv_head * p.value_cache.head_stride;
    // Offsets are made anew for each tile: kept, they would take registers that the sums need.
    Workgroup here = wg;
    here.lane = opaque(wg.lane);
    // Nearly all tiles: every key is wanted and every row fills its pieces.
    const bool whole = !has_ranges() && begin >= needed.base.begin && end == begin + kTileKeys && layer.head_size == kHeadSize &&
                       layer.head_size_v == kHeadSize && (dense || !vectorized());
    if (whole && p.far_rows == 0) {
      const Uint places = dense ? Blocks::places_of_rows(here, s.first_token + (begin - s.context_len), p.key, p.value)
                                : blocks.places(here, p.key_cache, p.value_cache);
      const auto key = [&](int g) { return Blocks::key_offset(places, g); };
      const auto value = [&](int g) { return Blocks::value_offset(places, g); };
      if constexpr (kKeys) Copy::whole_tile(here, key_base, key_row, key_place(stage), key);
      if constexpr (kValues) Copy::whole_tile(here, value_base, value_row, value_place(stage), value);
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
        const int block = blocks.id_of(g), within = blocks.within_of(g);
        k = key_base + (wide(block, static_cast<uint32_t>(p.key_cache.block_stride)) + wide(within, key_row));
        v = value_base + (wide(block, static_cast<uint32_t>(p.value_cache.block_stride)) + wide(within, value_row));
        if (block < 0) last = 0;
      }
      if (!dense && vectorized()) {
        if (has_ranges()) first = 0;
        if constexpr (kKeys) Copy::vectorized_keys(here, k, static_cast<int>(p.key_cache.group_stride), key_bytes, key_place(stage), g, first, last);
        if constexpr (kValues) Copy::vectorized_values(here, v, static_cast<int>(p.value_cache.group_stride), layer.head_size_v, value_place(stage), g, last);
      } else if (has_ranges()) {
        const auto load = [&](Int row) { return (row < last) & wanted(row + t, end); };
        if constexpr (kKeys) Copy::some_rows(here, k, key_row, key_bytes, key_place(stage), g, load);
        if constexpr (kValues) Copy::some_rows(here, v, value_row, value_bytes, value_place(stage), g, load);
      } else {
        if constexpr (kKeys) Copy::rows(here, k, key_row, key_bytes, key_place(stage), g, first, last);
        if constexpr (kValues) Copy::rows(here, v, value_row, value_bytes, value_place(stage), g, first, last);
      }
    }
  }

  // Whether the rows of an fp8 cache fill their pieces, as nearly all do.
  FOVEA_DEVICE bool plain_fp8() const {
    return !has_ranges() && !vectorized() && p.layer.head_size == kHeadSize && p.layer.head_size_v == kHeadSize && p.far_rows == 0 &&
           p.narrow_rows == 0;
  }
  // Starts the copies of tile i of an fp8 cache. kPlain: as above.
  template <bool kPlain>
  FOVEA_DEVICE void issue_fp8(int i, int stage, const Blocks& blocks) const {
    const int key_row = static_cast<int>(p.key_cache.row_stride), value_row = static_cast<int>(p.value_cache.row_stride);
    const char* key_base = p.key_cache.data + kv_head * p.key_cache.head_stride;
    const char* value_base = p.value_cache.data + kv_head * p.value_cache.head_stride;
    Workgroup here = wg;
    here.lane = opaque(wg.lane);  // as for issue
    if constexpr (kPlain) {
      const Uint places = blocks.places(here, p.key_cache, p.value_cache);
      const auto key = [&](int g) { return Blocks::key_offset(places, g); };
      const auto value = [&](int g) { return Blocks::value_offset(places, g); };
      const int first = uniform_max(needed.base.begin - tile_begin(i), 0), last = tile_end(i) - tile_begin(i);
      if (first == 0 && last == kTileKeys) {
        Narrow::template tile<true>(here, key_base, key_row, key_stage(stage), key, first, last);
        Narrow::template tile<true>(here, value_base, value_row, value_stage(stage), value, first, last);
      } else {
        Narrow::template tile<false>(here, key_base, key_row, key_stage(stage), key, first, last);
        Narrow::template tile<false>(here, value_base, value_row, value_stage(stage), value, first, last);
      }
    } else {
#pragma unroll
      for (int g = 0; g < kSixteens; ++g) {
        const int block = blocks.id_of(g), within = blocks.within_of(g);
        const char* k = key_base + (wide(block, static_cast<uint32_t>(p.key_cache.block_stride)) + wide(within, key_row));
        const char* v = value_base + (wide(block, static_cast<uint32_t>(p.value_cache.block_stride)) + wide(within, value_row));
        issue_fp8_sixteen(here, i, stage, g, k, v, block >= 0);
      }
    }
  }
  // The g-th 16 keys, which lie at k and v. known: their block is.
  FOVEA_DEVICE void issue_fp8_sixteen(const Workgroup& here, int i, int stage, int g, const char* k, const char* v, bool known) const {
    const Layer& layer = p.layer;
    const int end = tile_end(i), t = tile_begin(i) + g * 16;
    const int first = needed.base.begin - t, last = known ? end - t : 0;
    const auto load = [&](Int row) { return (row < last) & (has_ranges() ? wanted(row + t, end) : row >= first); };
    if (vectorized()) {
      Narrow::issue_rows(here, kFp8VectorizedKeys, k, static_cast<int>(p.key_cache.group_stride), layer.head_size, false,
                         key_stage(stage), g, last > 0, load);
      // Those hidden among sixteen keys of an element are left out one by one.
      Narrow::issue_rows(here, kFp8VectorizedValues, v, static_cast<int>(p.value_cache.group_stride), layer.head_size_v, false,
                         value_stage(stage), g, last > 0, load);
    } else {
      Narrow::issue_rows(here, kFp8Rows, k, static_cast<int>(p.key_cache.row_stride), layer.head_size, p.narrow_rows != 0,
                         key_stage(stage), g, last > 0, load);
      Narrow::issue_rows(here, kFp8Rows, v, static_cast<int>(p.value_cache.row_stride), layer.head_size_v, p.narrow_rows != 0,
                         value_stage(stage), g, last > 0, load);
    }
  }

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
#else
  // Reads what this thread copies of tile i: keys, values or both, or a part of them (kCuts, cut: kv_fetch.h).
  template <bool kKeys = true, bool kValues = true, int kCuts = 1>
  FOVEA_DEVICE void fetch(int i, const Blocks& blocks, Ahead& ahead, int cut = 0) const {
    const Layer& layer = p.layer;
    const int begin = tile_begin(i), end = tile_end(i);
    const bool dense = i >= context_tiles;
    // Offsets are made anew for each tile: kept, they would take registers that the sums need.
    Workgroup here = wg;
    here.lane = opaque(wg.lane);
    const char* key_base = dense ? p.key.data + kv_head * p.key.head_stride : p.key_cache.data + kv_head * p.key_cache.head_stride;
    const char* value_base =
        dense ? p.value.data + kv_head * p.value.head_stride : p.value_cache.data + kv_head * p.value_cache.head_stride;
    const int key_row = static_cast<int>(dense ? p.key.row_stride : p.key_cache.row_stride);
    const int value_row = static_cast<int>(dense ? p.value.row_stride : p.value_cache.row_stride);
    const bool by_columns = vectorized() && !dense;
    const int key_stride = by_columns ? static_cast<int>(p.key_cache.group_stride) : key_row;
    const int value_stride = by_columns ? static_cast<int>(p.value_cache.group_stride) : value_row;
    // Nearly all tiles: every key is wanted and every row fills its pieces.
    const bool whole = !has_ranges() && begin >= needed.base.begin && end == begin + kTileKeys && layer.head_size == kHeadSize &&
                       layer.head_size_v == kHeadSize;
    // Where the keys and the values of a step lie.
    const auto cached_key = [&](int step) {
      return key_base + (wide(blocks.id_of(step), static_cast<uint32_t>(p.key_cache.block_stride)) + wide(blocks.within_of(step), key_row));
    };
    const auto cached_value = [&](int step) {
      return value_base +
             (wide(blocks.id_of(step), static_cast<uint32_t>(p.value_cache.block_stride)) + wide(blocks.within_of(step), value_row));
    };
    if constexpr (kFp8) {
      if (!dense) {
        const bool narrow = !by_columns && p.narrow_rows != 0;
        const Fp8Order key_order = by_columns ? kFp8VectorizedKeys : kFp8Rows;
        const Fp8Order value_order = by_columns ? kFp8VectorizedValues : kFp8Rows;
        if (whole && !by_columns && !narrow) {
#pragma unroll
          for (int step = 0; step < Narrow::kSteps; ++step) {
            if constexpr (kKeys) Narrow::template fetch_whole<kCuts>(here, cut, cached_key(step), key_stride, step, ahead.keys);
            if constexpr (kValues) Narrow::template fetch_whole<kCuts>(here, cut, cached_value(step), value_stride, step, ahead.values);
          }
          return;
        }
#pragma unroll
        for (int step = 0; step < Narrow::kSteps; ++step) {
          const int t = begin + Narrow::sixteen_of(here, step) * 16;
          const int most = blocks.id_of(step) < 0 ? 0 : 16;
          const auto load = [&](Int row) { return wanted(row + t, end) & (row < most); };
          const auto load_value = [&](Int row) { return by_columns ? row < most : load(row); };
          if constexpr (kKeys) {
            Narrow::template fetch<kCuts>(here, cut, key_order, cached_key(step), key_stride, layer.head_size, narrow, step, load, ahead.keys);
          }
          if constexpr (kValues) {
            Narrow::template fetch<kCuts>(here, cut, value_order, cached_value(step), value_stride, layer.head_size_v, narrow, step, load_value,
                                          ahead.values);
          }
        }
        return;
      }
    }
    // Rows of this step lie behind one another.
    const char* dense_key = key_base + (s.first_token + (begin - s.context_len)) * p.key.row_stride;
    const char* dense_value = value_base + (s.first_token + (begin - s.context_len)) * p.value.row_stride;
    if (whole && dense) {
#pragma unroll
      for (int step = 0; step < Fetch::kSteps; ++step) {
        const uint32_t row = static_cast<uint32_t>(Fetch::sixteen_of(here, step) * 16);
        if constexpr (kKeys) Fetch::template fetch_whole<kCuts>(here, cut, dense_key + wide(row, key_row), key_row, step, ahead.keys);
        if constexpr (kValues) {
          Fetch::template fetch_whole<kCuts>(here, cut, dense_value + wide(row, value_row), value_row, step, ahead.values);
        }
      }
      return;
    }
    if (!kFp8 && whole && !by_columns) {
#pragma unroll
      for (int step = 0; step < Blocks::kCount; ++step) {
        if constexpr (kKeys) Fetch::template fetch_whole<kCuts>(here, cut, cached_key(step), key_row, step, ahead.keys);
        if constexpr (kValues) Fetch::template fetch_whole<kCuts>(here, cut, cached_value(step), value_row, step, ahead.values);
      }
      return;
    }
#pragma unroll
    for (int step = 0; step < Fetch::kSteps; ++step) {
      const int t = begin + Fetch::sixteen_of(here, step) * 16;
      const char* k;
      const char* v;
      int most = 16;
      if (kFp8 || dense) {
        const uint32_t row = static_cast<uint32_t>(t - begin);
        k = dense_key + wide(row, key_row);
        v = dense_value + wide(row, value_row);
      } else {
        k = cached_key(step % Blocks::kCount);
        v = cached_value(step % Blocks::kCount);
        if (blocks.id_of(step % Blocks::kCount) < 0) most = 0;
      }
      const auto load = [&](Int row) { return wanted(row + t, end) & (row < most); };
      if constexpr (kKeys) {
        Fetch::template fetch_rows<kCuts>(here, cut, by_columns, k, key_stride, layer.head_size * kElementBytes, step, load, ahead.keys);
      }
      if constexpr (kValues) {
        Fetch::template fetch_values<kCuts>(here, cut, by_columns, v, value_stride, layer.head_size_v, step, load, uniform_min(most, end - t),
                                            ahead.values);
      }
    }
  }

  // Writes what was read of tile i to its place.
  template <bool kKeys = true, bool kValues = true, int kCuts = 1>
  FOVEA_DEVICE void land(int i, int tile, const Ahead& ahead, int cut = 0) const {
    const int begin = tile_begin(i), end = tile_end(i);
    const bool dense = i >= context_tiles, by_columns = vectorized() && !dense;
    // Values of the vectorised cache come with those of keys that nobody may see.
    const bool some = by_columns && (begin < needed.base.begin || end < begin + kTileKeys || has_ranges());
    Workgroup here = wg;
    here.lane = opaque(wg.lane);
    if constexpr (kFp8) {
      if (!dense) {
#pragma unroll
        for (int step = 0; step < Narrow::kSteps; ++step) {
          const int t = begin + Narrow::sixteen_of(here, step) * 16;
          const auto load = [&](Int key) { return wanted(key + t, end); };
          const DataType type = p.layer.cache_type;
          if constexpr (kKeys) {
            const Fp8Order order = by_columns ? kFp8VectorizedKeys : kFp8Rows;
            Narrow::template land<kCuts>(here, cut, order, type, key_place(tile), step, false, load, ahead.keys);
          }
          if constexpr (kValues) {
            const Fp8Order order = by_columns ? kFp8VectorizedValues : kFp8Rows;
            Narrow::template land<kCuts>(here, cut, order, type, value_place(tile), step, some, load, ahead.values);
          }
        }
        return;
      }
    }
    if (by_columns) {
#pragma unroll
      for (int step = 0; step < Fetch::kSteps; ++step) {
        const int t = begin + Fetch::sixteen_of(here, step) * 16;
        const auto load = [&](Int key) { return wanted(key + t, end); };
        if constexpr (kKeys) Fetch::template land_rows<kCuts>(here, cut, true, key_place(tile), step, ahead.keys);
        if constexpr (kValues) Fetch::template land_columns<kCuts>(here, cut, value_place(tile), step, some, load, ahead.values);
      }
      return;
    }
#pragma unroll
    for (int step = 0; step < Fetch::kSteps; ++step) {
      if constexpr (kKeys) Fetch::template land_rows<kCuts>(here, cut, false, key_place(tile), step, ahead.keys);
      if constexpr (kValues) Fetch::template land_rows<kCuts>(here, cut, false, value_place(tile), step, ahead.values);
    }
  }

  // Both at once, for tiles that are not read ahead: in parts, for which few registers do.
  FOVEA_DEVICE void move(int i, int tile, const Blocks& blocks) const {
    Ahead ahead = {};
    // Of 16 keys, by a thread; widening takes registers too.
    constexpr int kCopies = CacheShares::kCopies, kAtOnce = !kFp8 ? 8 : kCopies % 2 == 0 ? 2 : 1;
    constexpr int kCuts = kCopies > kAtOnce ? kCopies / kAtOnce : 1;
    static_assert(kCopies % kCuts == 0 && Fetch::kCopies % kCuts == 0);
#pragma unroll 1
    for (int cut = 0; cut < kCuts; ++cut) {
      fetch<true, false, kCuts>(i, blocks, ahead, cut);
      land<true, false, kCuts>(i, tile, ahead, cut);
      fetch<false, true, kCuts>(i, blocks, ahead, cut);
      land<false, true, kCuts>(i, tile, ahead, cut);
    }
  }
#endif

  FOVEA_DEVICE void copy_query() const {
    const bool narrow = narrow_query();
#pragma unroll 1
    for (int i = 0; i < kRows * kPieces; i += kThreads) {
      const QueryPiece q = query_piece(i);
      const Int to = Layout::query(q.row, q.piece);
      const auto copy = [&] {
        copy_async16<kRows * kPieces % kThreads == 0>(wg, q.here, to, p.query.data + (q.offset + to_long(q.piece * 16)), q.exists);
      };
      if constexpr (kElementBytes == 4) {
        copy();
      } else if (narrow) {
        lds_store_quad(wg, to, widen_fp8(p.query.data + (q.offset + to_long(q.piece * 8)), q.exists), q.here);
      } else {
        copy();
      }
    }
  }
#if FOVEA_HAS_ASYNC_COPIES
  // The same in the order of fp8 tiles. A few loads at a time take one way to memory.
  FOVEA_DEVICE void move_query() const {
    const bool narrow = narrow_query();
    constexpr int kCount = (kRows * kPieces + kThreads - 1) / kThreads, kAtOnce = kCount < 4 ? kCount : 4;
#pragma unroll 1
    for (int i = 0; i < kRows * kPieces; i += kAtOnce * kThreads) {
      Quad pieces[kAtOnce];
#pragma unroll
      for (int n = 0; n < kAtOnce; ++n) {
        const QueryPiece q = query_piece(i + n * kThreads);
        pieces[n] = narrow ? widen_fp8(p.query.data + (q.offset + to_long(q.piece * 8)), q.exists)
                           : global_load_quad(p.query.data + (q.offset + to_long(q.piece * 16)), q.exists);
      }
#pragma unroll
      for (int n = 0; n < kAtOnce; ++n) {
        const QueryPiece q = query_piece(i + n * kThreads);
        store_permuted(wg, [&](Int at) { return Layout::query(q.row, at); }, q.piece, pieces[n], q.here);
      }
    }
  }
#endif

  // What a thread copies of the queries, beginning with thread 0's piece `index`.
  struct QueryPiece {
    Int row, piece;
    Long offset;  // of the row, in bytes
    Bool here;    // in the tile
    Bool exists;
  };
  FOVEA_DEVICE QueryPiece query_piece(int index) const {
    QueryPiece q;
    const Int own = wg.thread() + index;
    q.row = quotient<kPieces>(own);
    q.piece = remainder<kPieces>(own);
    const Int packed = q.row + entry.row_begin;
    const Int token = packed / p.layer.group + s.first_token, head = packed % p.layer.group + kv_head * p.layer.group;
    q.offset = to_long(token) * p.query.row_stride + to_long(head) * p.query.head_stride;
    q.here = own < kRows * kPieces;
    q.exists = (q.row < rows) & (q.piece * (16 / kElementBytes) < p.layer.head_size);
    return q;
  }
  FOVEA_DEVICE bool narrow_query() const {
    return kElementBytes == 2 && p.layer.query_type != DataType::kF16 && p.layer.query_type != DataType::kBF16;
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
};

}  // namespace fovea::hip
