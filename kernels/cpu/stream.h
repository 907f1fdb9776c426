// Decode path: units of few packed rows, bound by the memory that keys and values are read from.
//
// Lanes are elements of a head (stream_score.h, stream_value.h). Rows of the cache are read where they lie and widened in
// registers; the rows of a unit are computed in blocks of at most four, all blocks per tile, so a tile is read from memory
// once. While a tile's scores are computed its values are requested from memory, and while its values are summed the keys
// of the next tile are: blocks of the cache are scattered, and the hardware's prefetchers start anew in each.
//
// Per KV chunk the state is kept in the order of the packs (stream_load.h); it is put into natural order when the chunk ends.
#pragma once

#include "kernels/cpu/finish.h"
#include "kernels/cpu/stream_value.h"

namespace fovea::cpu::FOVEA_ISA_NAMESPACE {

inline constexpr int32_t kMaxBlocks = (kStreamMaxRows + kMaxBlockRows - 1) / kMaxBlockRows;

// Keys of a tile: keys and values of one tile and those requested ahead share the first-level cache.
HWY_INLINE int32_t stream_tile_keys(const Layer& layer) {
  constexpr int32_t kTileBytes = 16 << 10;
  const size_t element = layer.attention_type == AttentionType::kEncoder ? size_of(layer.dense_type) : size_of(layer.cache_type);
  const int32_t pair_bytes = (layer.head_size + layer.head_size_v) * static_cast<int32_t>(element);
  return min_of(max_of(kTileBytes / pair_bytes / 16 * 16, 16), kMaxTileKeys - kTilePadding);
}

// Rows [first, first + rows) of the unit, computed together.
struct StreamBlock {
  int32_t first;
  int32_t rows;
  BlockLanes lanes;
  alignas(64) float scores[kMaxTileKeys * row_stride(kMaxBlockRows)];
};

// Working memory of one thread.
struct StreamScratch {
  VisibleKeys visible;
  KvTile tiles[2];
  StreamBlock blocks[kMaxBlocks];
  alignas(64) float q_natural[kStreamMaxRows * kMaxHeadSize];
  alignas(64) float q_paired[kStreamMaxRows * kMaxHeadSize];
  alignas(64) float acc[kStreamMaxRows * kMaxHeadSize];
  alignas(64) float row[kMaxHeadSize];
  alignas(64) float total[kStreamMaxRows * (kMaxHeadSize + 2)];
  alignas(64) float chunk[kStreamMaxRows * (kMaxHeadSize + 2)];
};
static_assert(kMaxHeadSize % kMaxPackElements == 0);

static size_t stream_scratch_size(const Layer& layer) {
  return sizeof(StreamScratch) + 2 * gather_scratch_size(layer, stream_tile_keys(layer));
}

HWY_INLINE void fill_block_lanes(const Forward& f, const WorkItem& item, const Sequence& s, StreamBlock* block) {
  const int32_t group = f.layer.num_query_heads / f.layer.num_kv_heads;
  const int32_t stride = row_stride(block->rows);
  BlockLanes& lanes = block->lanes;
  lanes.all = {0, INT32_MAX};
  int32_t hint = f.batch.range_start_loc != nullptr ? f.batch.range_start_loc[s.index] : 0;
  for (int32_t r = 0; r < stride; ++r) {
    // The row beside three others repeats the last: it costs nothing and its results are dropped.
    const int32_t packed = item.row_begin + block->first + min_of(r, block->rows - 1);
    const int32_t p = s.context_len + packed / group;
    const Interval base = base_interval(f.layer, s, p);
    const Interval range = range_interval(f, s, p, &hint);
    lanes.all = {max_of(lanes.all.begin, base.begin), min_of(lanes.all.end, base.end)};
    const float slope = f.layer.alibi != Alibi::kNone ? f.alibi_slopes[item.kv_head * group + packed % group] : 0.0f;
    for (int32_t i = r; i < kLanes; i += stride) {
      lanes.position[i] = p;
      lanes.base_begin[i] = base.begin;
      lanes.base_end[i] = base.end;
      lanes.range_begin[i] = range.begin;
      lanes.range_end[i] = range.end;
      lanes.slope[i] = slope;
    }
  }
}

HWY_INLINE void clear_block_state(StreamBlock* block) {
  for (int32_t i = 0; i < kLanes; ++i) {
    block->lanes.m[i] = -kInfinity;
    block->lanes.l[i] = 0.0f;
  }
}

// Scores and softmax of one block against a tile.
template <DataType kType, int kRows>
static HWY_NOINLINE void stream_scores(const Layer& layer, const KvTile& tile, float q_scale, const float* q, StreamBlock* block) {
  const int32_t count = round_up(tile.count, keys_per_step<kType>(kRows));
  score_keys<kType, kRows>(tile.k, tile.v, count, layer.head_size, q + block->first * padded_size(layer.head_size), block->scores);
  softmax_tile<row_stride(kRows)>(layer, tile.begin, tile.count, layer.scale * q_scale * tile.k_scale * Pack<kType>::kFactor,
                                  tile.v_scale * Pack<kType>::kFactor, block->lanes, block->scores);
}

// `next` holds rows that will be needed next, at least as many as the tile has, or is nullptr.
template <DataType kType, int kRows>
static HWY_NOINLINE void stream_values(const Layer& layer, const KvTile& tile, bool fresh, float* acc, const char* const* next,
                                       StreamBlock* block) {
  weigh_values<kType, kRows>(tile.v, tile.count, layer.head_size_v, block->scores, block->lanes.alpha, fresh,
                             acc + block->first * padded_size(layer.head_size_v), next);
}

// All blocks of the unit against one tile. `fresh`: the sums hold nothing yet.
template <DataType kType>
HWY_INLINE void stream_tile(const Forward& f, const KvTile& tile, const KvTile* next, bool fresh, int32_t num_blocks,
                            StreamScratch* scratch) {
  const Layer& layer = f.layer;
  const float* q = is_paired(kType) ? scratch->q_paired : scratch->q_natural;
  for (int32_t b = 0; b < num_blocks; ++b) {
    StreamBlock* block = &scratch->blocks[b];
    switch (block->rows) {
      case 1: stream_scores<kType, 1>(layer, tile, f.q_scale, q, block); break;
#if HWY_TARGET != HWY_SCALAR
      case 2: stream_scores<kType, 2>(layer, tile, f.q_scale, q, block); break;
      case 3: stream_scores<kType, 3>(layer, tile, f.q_scale, q, block); break;
      default: stream_scores<kType, 4>(layer, tile, f.q_scale, q, block); break;
#endif
    }
  }
  for (int32_t b = 0; b < num_blocks; ++b) {
    StreamBlock* block = &scratch->blocks[b];
    const char* const* rows = b == 0 && next != nullptr && next->count >= tile.count ? next->k : nullptr;
    switch (block->rows) {
      case 1: stream_values<kType, 1>(layer, tile, fresh, scratch->acc, rows, block); break;
#if HWY_TARGET != HWY_SCALAR
      case 2: stream_values<kType, 2>(layer, tile, fresh, scratch->acc, rows, block); break;
      case 3: stream_values<kType, 3>(layer, tile, fresh, scratch->acc, rows, block); break;
      default: stream_values<kType, 4>(layer, tile, fresh, scratch->acc, rows, block); break;
#endif
    }
  }
}

HWY_INLINE void stream_tile_of_type(const Forward& f, const KvTile& tile, const KvTile* next, bool fresh, int32_t num_blocks,
                                    StreamScratch* scratch) {
  switch (tile.type) {
    case DataType::kF32: return stream_tile<DataType::kF32>(f, tile, next, fresh, num_blocks, scratch);
    case DataType::kF16: return stream_tile<DataType::kF16>(f, tile, next, fresh, num_blocks, scratch);
    case DataType::kBF16: return stream_tile<DataType::kBF16>(f, tile, next, fresh, num_blocks, scratch);
    case DataType::kE4M3FN: return stream_tile<DataType::kE4M3FN>(f, tile, next, fresh, num_blocks, scratch);
    case DataType::kE4M3FNUZ: return stream_tile<DataType::kE4M3FNUZ>(f, tile, next, fresh, num_blocks, scratch);
    case DataType::kE5M2: return stream_tile<DataType::kE5M2>(f, tile, next, fresh, num_blocks, scratch);
    case DataType::kNone: return;
  }
}

// The visible tiles of a unit, one after another.
struct TileWalk {
  const Forward& f;
  const WorkItem& item;
  const Sequence& s;
  StreamScratch* scratch;
  char* gather;         // two areas, used alternately
  size_t gather_size;
  int32_t tile_keys;
  int32_t position;     // where the next tile may begin
  int32_t end;
  int32_t turn;

  // The next tile, or nullptr. It stays valid until the call after the next.
  HWY_NOINLINE KvTile* advance() {
    while (position < end) {
      const int32_t begin = position;
      // Tiles are cut at fixed positions, so they never cross from one chunk into the next.
      const int32_t cut = min_of(begin - begin % kKvChunk % tile_keys + tile_keys, begin - begin % kKvChunk + kKvChunk);
      const int32_t tile_stop = tile_end(f, s, begin, min_of(cut, end));
      position = tile_stop;
      if (!any_visible(scratch->visible, begin, tile_stop)) continue;
      KvTile* tile = &scratch->tiles[turn];
      kv_tile(f, s, item.kv_head, scratch->visible, begin, tile_stop, gather + turn * gather_size, tile);
      for (int32_t i = tile->count; i < tile->count + kTilePadding; ++i) {
        tile->k[i] = reinterpret_cast<const char*>(kZeroRow);
        tile->v[i] = reinterpret_cast<const char*>(kZeroRow);
      }
      turn ^= 1;
      return tile;
    }
    return nullptr;
  }
};

HWY_INLINE void load_queries(const Forward& f, const WorkItem& item, const Sequence& s, int32_t num_blocks, StreamScratch* scratch) {
  const Layer& layer = f.layer;
  const int32_t group = layer.num_query_heads / layer.num_kv_heads;
  const int64_t element = static_cast<int64_t>(size_of(layer.query_type));
  const bool has_cache = layer.attention_type != AttentionType::kEncoder;
  const bool any_paired = (has_cache && is_paired(layer.cache_type)) || (has_dense(f) && is_paired(layer.dense_type));
  const bool any_natural = (has_cache && !is_paired(layer.cache_type)) || (has_dense(f) && !is_paired(layer.dense_type));
  for (int32_t b = 0; b < num_blocks; ++b) {
    const StreamBlock& block = scratch->blocks[b];
    for (int32_t i = 0; i < block.rows; ++i) {
      const int32_t r = item.row_begin + block.first + i;
      const int64_t at = (s.first_token + r / group) * f.query.row_stride + (item.kv_head * group + r % group) * f.query.head_stride;
      load_row(layer.query_type, static_cast<const char*>(f.query.data) + at * element, scratch->row, layer.head_size);
      const int32_t offset = block.first * padded_size(layer.head_size) + i * kLanes;
      const int32_t step = block.rows * kLanes;
      if (any_natural) pack_row(false, scratch->row, layer.head_size, scratch->q_natural + offset, step);
      if (any_paired) pack_row(true, scratch->row, layer.head_size, scratch->q_paired + offset, step);
    }
  }
}

// The state of a chunk in natural order, params.h.
HWY_INLINE void store_chunk(const Layer& layer, int32_t num_blocks, bool paired, const StreamScratch& scratch, const StateRows& to) {
  const FloatTag d;
  const auto add = [](Vec a, Vec b) HWY_ATTR { return hn::Add(a, b); };
  for (int32_t b = 0; b < num_blocks; ++b) {
    const StreamBlock& block = scratch.blocks[b];
    Vec sum = hn::Load(d, block.lanes.l);
    switch (block.rows) {
      case 1: sum = combine_lanes<1>(sum, add); break;
#if HWY_TARGET != HWY_SCALAR
      case 2: sum = combine_lanes<2>(sum, add); break;
      default: sum = combine_lanes<4>(sum, add); break;
#endif
    }
    alignas(64) float l[kLanes];
    hn::Store(sum, d, l);
    for (int32_t r = 0; r < block.rows; ++r) {
      const int32_t row = block.first + r;
      to.m[row] = block.lanes.m[r];
      to.l[row] = l[r];
      unpack_row(paired, scratch.acc + block.first * padded_size(layer.head_size_v) + r * kLanes, block.rows * kLanes,
                 layer.head_size_v, to.acc + int64_t{row} * layer.head_size_v);
    }
  }
}

// The sums go on in the order of another type's packs.
HWY_INLINE void reorder_sums(const Layer& layer, int32_t num_blocks, bool from_paired, bool to_paired, StreamScratch* scratch) {
  for (int32_t b = 0; b < num_blocks; ++b) {
    const StreamBlock& block = scratch->blocks[b];
    for (int32_t r = 0; r < block.rows; ++r) {
      float* acc = scratch->acc + block.first * padded_size(layer.head_size_v) + r * kLanes;
      unpack_row(from_paired, acc, block.rows * kLanes, layer.head_size_v, scratch->row);
      pack_row(to_paired, scratch->row, layer.head_size_v, acc, block.rows * kLanes);
    }
  }
}

static HWY_NOINLINE void stream_run_item(const Forward& f, const WorkItem& item, char* memory) {
  const Layer& layer = f.layer;
  StreamScratch* scratch = reinterpret_cast<StreamScratch*>(memory);
  const Sequence s = sequence_of(f, item.seq);
  const int32_t rows = item.row_end - item.row_begin;
  const int32_t group = layer.num_query_heads / layer.num_kv_heads;
  const int32_t num_blocks = (rows + kMaxBlockRows - 1) / kMaxBlockRows;
  for (int32_t b = 0; b < num_blocks; ++b) {
    StreamBlock* block = &scratch->blocks[b];
    block->first = rows * b / num_blocks;
    block->rows = rows * (b + 1) / num_blocks - block->first;
    fill_block_lanes(f, item, s, block);
  }
  visible_keys(f, s, item.row_begin / group, (item.row_end - 1) / group + 1, &scratch->visible);
  load_queries(f, item, s, num_blocks, scratch);

  // States of chunks: stored one by one for a split group, else folded into the first.
  const int64_t state_size = state_floats(rows, layer.head_size_v);
  float* stored = item.group >= 0 ? f.states + f.work.groups[item.group].state_offset +
                                        (item.chunk_begin - f.work.groups[item.group].chunk_begin) * state_size
                                  : nullptr;
  const auto store_empty = [&](float* state) HWY_ATTR {
    for (int32_t r = 0; r < rows; ++r) state[r] = -kInfinity;
    for (int64_t i = rows; i < state_size; ++i) state[i] = 0.0f;
  };
  bool total_is_empty = true;
  int32_t chunk = item.chunk_begin;  // of the tile before
  bool fresh = true;
  bool paired = false;
  for (int32_t b = 0; b < num_blocks; ++b) clear_block_state(&scratch->blocks[b]);
  const auto finish_chunk = [&]() HWY_ATTR {
    if (stored != nullptr) {
      float* state = stored + (chunk - item.chunk_begin) * state_size;
      if (fresh) {
        store_empty(state);
      } else {
        store_chunk(layer, num_blocks, paired, *scratch, state_rows(state, rows));
      }
    } else if (!fresh) {
      float* state = total_is_empty ? scratch->total : scratch->chunk;
      store_chunk(layer, num_blocks, paired, *scratch, state_rows(state, rows));
      if (!total_is_empty) {
        fold_state(rows, layer.head_size_v, state_rows(scratch->total, rows), state_rows(scratch->chunk, rows));
      }
      total_is_empty = false;
    }
    if (!fresh) {
      for (int32_t b = 0; b < num_blocks; ++b) clear_block_state(&scratch->blocks[b]);
    }
    fresh = true;
    ++chunk;
  };

  TileWalk walk = {f,
                   item,
                   s,
                   scratch,
                   memory + sizeof(StreamScratch),
                   gather_scratch_size(layer, stream_tile_keys(layer)),
                   stream_tile_keys(layer),
                   item.chunk_begin * kKvChunk,
                   min_of(item.chunk_end * kKvChunk, s.seq_len),
                   0};
  KvTile* tile = walk.advance();
  if (tile != nullptr) {
    const int32_t bytes = layer.head_size * static_cast<int32_t>(size_of(tile->type));
    for (int32_t i = 0; i < tile->count; ++i) {
      for (int32_t line = 0; line < bytes; line += 64) request(tile->k[i] + line);
    }
  }
  while (tile != nullptr) {
    const KvTile* next = walk.advance();
    while (chunk < tile->begin / kKvChunk) finish_chunk();
    if (!fresh && is_paired(tile->type) != paired) reorder_sums(layer, num_blocks, paired, !paired, scratch);
    paired = is_paired(tile->type);
    stream_tile_of_type(f, *tile, next, fresh, num_blocks, scratch);
    fresh = false;
    tile = const_cast<KvTile*>(next);
  }
  while (chunk < item.chunk_end) finish_chunk();
  if (item.group >= 0) return;
  if (total_is_empty) store_empty(scratch->total);
  write_state(f, item, state_rows(scratch->total, rows));
}

}  // namespace fovea::cpu::FOVEA_ISA_NAMESPACE
