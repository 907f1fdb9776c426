// Tile path on vector instructions: a unit's packed rows against its KV chunks.
//
//   queries  [head_size words][strip]   packed once per unit, transposed
//   scores   [keys][strip]              S^T = K . Q^T, one strip and one tile of keys at a time
//   weights  in place of the scores (fp32), or as pairs of bf16
//   acc      [head_size_v][strip]       O^T += V^T . P^T
//
// Keys and values are read where they lie if they have the words' type, else widened tile by tile into scratch, which all
// strips of the unit then share.
#pragma once

#include "kernels/cpu/finish.h"
#include "kernels/cpu/tile_gemm.h"
#include "kernels/cpu/tile_lanes.h"

namespace fovea::cpu::FOVEA_ISA_NAMESPACE {

inline constexpr int32_t kTileKeys = 64;
inline constexpr int32_t kMaxStrips = kMaxItemRows;  // portable vectors have one lane
static_assert(kKvChunk % kTileKeys == 0 && kTileKeys <= kMaxTileKeys && kTileKeys % kGemmRows == 0);

// Bump allocation from a thread's scratch; with base == nullptr it only counts.
struct ScratchCursor {
  char* base;
  size_t used;
  template <class T>
  HWY_INLINE T* take(size_t count) {
    char* at = base != nullptr ? base + used : nullptr;
    used += (count * sizeof(T) + 63) / 64 * 64;
    return reinterpret_cast<T*>(at);
  }
};

// The state of all rows of a unit, strip by strip: acc of a strip begins at strip.begin * acc_rows.
struct TileState {
  float* m;    // [padded rows]
  float* l;    // [padded rows]
  float* acc;  // [strips][acc_rows][strip]
  int32_t acc_rows;  // head_size_v, rounded up where products come in whole tiles
};

HWY_INLINE TileState take_tile_state(ScratchCursor* cursor, int32_t padded_rows, int32_t acc_rows) {
  TileState s;
  s.m = cursor->take<float>(padded_rows);
  s.l = cursor->take<float>(padded_rows);
  s.acc = cursor->take<float>(static_cast<size_t>(padded_rows) * acc_rows);
  s.acc_rows = acc_rows;
  return s;
}

HWY_INLINE void clear_tile_state(const TileState& state, int32_t padded_rows) {
  for (int32_t i = 0; i < padded_rows; ++i) {
    state.m[i] = -kInfinity;
    state.l[i] = 0.0f;
  }
}

// total <- total + chunk for one strip.
HWY_INLINE void fold_strip(const Strip& strip, int32_t head_size_v, const TileState& total, const TileState& chunk) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t stride = strip.vectors * lanes;
  for (int32_t v = 0; v < strip.vectors; ++v) {
    const int64_t row = strip.begin + v * lanes;
    const FoldWeights w = fold_weights(hn::Load(d, total.m + row), hn::Load(d, chunk.m + row));
    hn::Store(fold(hn::Load(d, total.l + row), w.old_weight, hn::Load(d, chunk.l + row), w.chunk_weight), d, total.l + row);
    hn::Store(w.max, d, total.m + row);
    float* HWY_RESTRICT acc = total.acc + static_cast<int64_t>(strip.begin) * total.acc_rows + v * lanes;
    const float* HWY_RESTRICT add = chunk.acc + static_cast<int64_t>(strip.begin) * chunk.acc_rows + v * lanes;
    for (int32_t i = 0; i < head_size_v; ++i) {
      hn::Store(fold(hn::Load(d, acc + i * stride), w.old_weight, hn::Load(d, add + i * stride), w.chunk_weight), d,
                acc + i * stride);
    }
  }
}

// acc of one strip, row by row: out [rows of the strip][head_size_v].
HWY_INLINE void strip_rows(const Strip& strip, int32_t rows, int32_t head_size_v, const TileState& state, float* out) {
  const int32_t lanes = static_cast<int32_t>(hn::Lanes(FloatTag()));
  const int64_t stride = strip.vectors * lanes;
  const float* acc = state.acc + static_cast<int64_t>(strip.begin) * state.acc_rows;
  const int32_t count = min_of(strip.vectors * lanes, rows - strip.begin);
  transpose_32(
      head_size_v, count, [&](int32_t i) { return acc + i * stride; }, out, head_size_v);
}

// Writes a unit's rows, or stores them as the state of one chunk.
HWY_INLINE void write_tile_state(const Forward& f, const WorkItem& item, const Sequence& s, const Strip* strips, int32_t num_strips,
                                 const TileState& state, float* row_buffer) {
  const int32_t rows = item.row_end - item.row_begin;
  const int32_t lanes = static_cast<int32_t>(hn::Lanes(FloatTag()));
  const int32_t group = f.layer.num_query_heads / f.layer.num_kv_heads;
  const int32_t size = f.layer.head_size_v;
  for (int32_t i = 0; i < num_strips; ++i) {
    strip_rows(strips[i], rows, size, state, row_buffer);
    const int32_t end = min_of(strips[i].begin + strips[i].vectors * lanes, rows);
    for (int32_t j = strips[i].begin; j < end; ++j) {
      const int32_t r = item.row_begin + j;
      write_row(f, s.first_token + r / group, item.kv_head * group + r % group, state.m[j], state.l[j],
                row_buffer + static_cast<int64_t>(j - strips[i].begin) * size);
    }
  }
}

HWY_INLINE void store_tile_state(const Forward& f, const WorkItem& item, const Strip* strips, int32_t num_strips, int32_t chunk,
                                 const TileState& state) {
  const int32_t rows = item.row_end - item.row_begin;
  const SplitGroup& group = f.work.groups[item.group];
  const StateRows to = state_rows(
      f.states + group.state_offset + (chunk - group.chunk_begin) * state_floats(rows, f.layer.head_size_v), rows);
  for (int32_t i = 0; i < rows; ++i) {
    to.m[i] = state.m[i];
    to.l[i] = state.l[i];
  }
  for (int32_t i = 0; i < num_strips; ++i) {
    strip_rows(strips[i], rows, f.layer.head_size_v, state,
               to.acc + static_cast<int64_t>(strips[i].begin) * f.layer.head_size_v);
  }
}

HWY_INLINE void store_empty_state(const Forward& f, const WorkItem& item, int32_t chunk) {
  const int32_t rows = item.row_end - item.row_begin;
  const SplitGroup& group = f.work.groups[item.group];
  const StateRows to = state_rows(
      f.states + group.state_offset + (chunk - group.chunk_begin) * state_floats(rows, f.layer.head_size_v), rows);
  for (int32_t i = 0; i < rows; ++i) {
    to.m[i] = -kInfinity;
    to.l[i] = 0.0f;
  }
  for (int64_t i = 0; i < static_cast<int64_t>(rows) * f.layer.head_size_v; ++i) to.acc[i] = 0.0f;
}

// The tiles of keys of one chunk, one after another. Tiles stand at fixed multiples from the start of the sequence, so that a
// row's arithmetic does not depend on what other rows of the unit see; tiles that no row sees are left out.
struct TileCursor {
  const Forward& f;
  const Sequence& s;
  const VisibleKeys& visible;
  int32_t kv_head;
  int32_t tile_keys;
  int32_t next;
  int32_t chunk_end;

  HWY_INLINE bool advance(char* gather, KvTile* tile) {
    while (next < chunk_end) {
      const int32_t begin = next;
      next = tile_end(f, s, begin, min_of(begin - begin % tile_keys + tile_keys, chunk_end));
      if (!any_visible(visible, begin, next)) continue;
      kv_tile(f, s, kv_head, visible, begin, next, gather, tile);
      return true;
    }
    return false;
  }
};

// Asks for a part of a tile's rows before they are needed: the part-th of `parts`. Rows of a paged cache, and of one head
// among many, are too short and too far apart for the processor's own prefetching.
HWY_INLINE void prefetch_tile(const Layer& layer, const KvTile& tile, int32_t part, int32_t parts) {
  const int32_t element = static_cast<int32_t>(size_of(tile.type));
  const int32_t end = tile.count * (part + 1) / parts;
  for (int32_t i = tile.count * part / parts; i < end; ++i) {
    for (int32_t at = 0; at < layer.head_size * element; at += 64) __builtin_prefetch(tile.k[i] + at, 0, 2);
    for (int32_t at = 0; at < layer.head_size_v * element; at += 64) __builtin_prefetch(tile.v[i] + at, 0, 2);
  }
}

// Walks the KV chunks and tiles of a unit: the part that does not depend on how products are computed. A pipeline has
//   kTileKeys
//   prepare(tile)                              once per tile
//   step(strip, tile, masked, fresh, state)    one strip against the tile; `fresh`: acc holds nothing yet
// `gather` holds gather_scratch_size bytes twice: the next tile is resolved while one is worked on.
template <class Pipeline>
HWY_INLINE void walk_chunks(const Forward& f, const WorkItem& item, const Sequence& s, const Strip* strips, int32_t num_strips,
                            int32_t padded_rows, char* gather, float* row_buffer, TileState total, TileState chunk,
                            Pipeline& pipeline) {
  const int32_t group = f.layer.num_query_heads / f.layer.num_kv_heads;
  const int32_t size = f.layer.head_size_v;
  const size_t gather_size = gather_scratch_size(f.layer, Pipeline::kTileKeys);
  VisibleKeys visible;
  visible_keys(f, s, item.row_begin / group, (item.row_end - 1) / group + 1, &visible);
  clear_tile_state(total, padded_rows);
  bool total_is_empty = true;
  KvTile tiles[2];
  for (int32_t c = item.chunk_begin; c < item.chunk_end; ++c) {
    const int32_t chunk_end = min_of((c + 1) * kKvChunk, s.seq_len);
    TileCursor cursor = {f, s, visible, item.kv_head, Pipeline::kTileKeys, c * kKvChunk, chunk_end};
    int32_t current = 0;
    bool more = cursor.advance(gather, &tiles[0]);
    if (!more) {
      if (item.group >= 0) store_empty_state(f, item, c);
      continue;
    }
    clear_tile_state(chunk, padded_rows);
    bool fresh[kMaxStrips];
    for (int32_t i = 0; i < num_strips; ++i) fresh[i] = true;
    while (more) {
      const KvTile& tile = tiles[current];
      const int32_t end = tile.begin + tile.count;
      current ^= 1;
      more = cursor.advance(gather + current * gather_size, &tiles[current]);
      bool prepared = false;
      for (int32_t i = 0; i < num_strips; ++i) {
        const Strip& strip = strips[i];
        if (strip.any.begin >= end || strip.any.end <= tile.begin) continue;
        if (!prepared) pipeline.prepare(tile);
        prepared = true;
        if (more) prefetch_tile(f.layer, tiles[current], i, num_strips);
        const bool masked = strip.all.begin > tile.begin || strip.all.end < end;
        pipeline.step(strip, tile, masked, fresh[i], chunk);
        fresh[i] = false;
      }
    }
    // A strip that saw nothing of this chunk has the empty state: its sums must be zeros, not leftovers.
    for (int32_t i = 0; i < num_strips; ++i) {
      if (!fresh[i]) continue;
      const int64_t width = static_cast<int64_t>(strips[i].vectors) * static_cast<int64_t>(hn::Lanes(FloatTag()));
      float* acc = chunk.acc + static_cast<int64_t>(strips[i].begin) * chunk.acc_rows;
      for (int64_t j = 0; j < width * size; ++j) acc[j] = 0.0f;
    }
    if (item.group >= 0) {
      store_tile_state(f, item, strips, num_strips, c, chunk);
    } else if (total_is_empty) {
      const TileState swap = total;
      total = chunk;
      chunk = swap;
      total_is_empty = false;
    } else {
      for (int32_t i = 0; i < num_strips; ++i) {
        if (!fresh[i]) fold_strip(strips[i], size, total, chunk);
      }
    }
  }
  if (item.group >= 0) return;
  if (total_is_empty) {
    for (int64_t i = 0; i < static_cast<int64_t>(padded_rows) * total.acc_rows; ++i) total.acc[i] = 0.0f;
  }
  write_tile_state(f, item, s, strips, num_strips, total, row_buffer);
}

// Rows of one strip of queries as 32-bit words, transposed to [words][strip]. `temp` holds [strip][head_size] floats.
template <class Words>
HWY_INLINE void pack_queries(const Forward& f, const WorkItem& item, const Sequence& s, const Strip& strip, float* temp,
                             float* out) {
  const Layer& layer = f.layer;
  const int32_t lanes = static_cast<int32_t>(hn::Lanes(FloatTag()));
  const int32_t width = strip.vectors * lanes;
  const int32_t words = layer.head_size / Words::kPerWord;
  const int32_t group = layer.num_query_heads / layer.num_kv_heads;
  const int32_t rows = min_of(width, item.row_end - item.row_begin - strip.begin);
  const DataType word_type = Words::kPerWord == 1 ? DataType::kF32 : DataType::kBF16;
  const int64_t element = static_cast<int64_t>(size_of(layer.query_type));
  const auto source = [&](int32_t i) {
    const int32_t r = item.row_begin + strip.begin + i;
    return static_cast<const char*>(f.query.data) +
           ((s.first_token + r / group) * f.query.row_stride + (item.kv_head * group + r % group) * f.query.head_stride) * element;
  };
  if (layer.query_type == word_type) {
    transpose_32(
        rows, words, [&](int32_t i) { return reinterpret_cast<const float*>(source(i)); }, out, width);
  } else {
    for (int32_t i = 0; i < rows; ++i) {
      float* row = temp + static_cast<int64_t>(i) * layer.head_size;
      load_row(layer.query_type, source(i), row, layer.head_size);
      if (Words::kPerWord == 2) store_row(DataType::kBF16, row, row, layer.head_size, 1.0f);
    }
    transpose_32(
        rows, words, [&](int32_t i) { return temp + static_cast<int64_t>(i) * layer.head_size; }, out, width);
  }
  if (rows < width) {
    for (int32_t w = 0; w < words; ++w) {
      for (int32_t i = rows; i < width; ++i) out[static_cast<int64_t>(w) * width + i] = 0.0f;
    }
  }
}

#define FOVEA_FOR_STRIP_VECTORS(vectors, call) \
  switch (vectors) {                           \
    case 1: call(1); break;                    \
    case 2: call(2); break;                    \
    default: call(3); break;                   \
  }

// Scores, softmax and values of one strip with vector instructions.
template <class Words>
struct VectorPipeline {
  static constexpr int32_t kTileKeys = FOVEA_ISA_NAMESPACE::kTileKeys;

  const Forward& f;
  const RowLanes& lanes;
  const float* queries;  // [strips][words][strip]
  float* scores;         // [kTileKeys][strip]
  float* weights;        // pairs of bf16 [kTileKeys / 2][strip]; unused with floats
  float* alpha;          // [strip]
  char* wide_k;          // [kTileKeys][head_size] in the words' type
  char* wide_v;          // floats: [kTileKeys][head_size_v]; bf16: [kTileKeys / 2][head_size_v] pairs
  const char* k_rows[kTileKeys];
  const char* v_rows[kTileKeys];
  int32_t v_words;

  HWY_INLINE void prepare(const KvTile& tile) {
    const Layer& layer = f.layer;
    const DataType word_type = Words::kPerWord == 1 ? DataType::kF32 : DataType::kBF16;
    const int64_t k_stride = static_cast<int64_t>(layer.head_size) * static_cast<int64_t>(size_of(word_type));
    for (int32_t i = 0; i < tile.count; ++i) {
      k_rows[i] = tile.k[i];
      if (tile.type == word_type) continue;
      char* row = wide_k + i * k_stride;
      if (Words::kPerWord == 1) {
        load_row(tile.type, tile.k[i], reinterpret_cast<float*>(row), layer.head_size);
      } else {
        float values[256];
        load_row(tile.type, tile.k[i], values, layer.head_size);
        store_row(DataType::kBF16, values, row, layer.head_size, 1.0f);
      }
      k_rows[i] = row;
    }
    for (int32_t i = tile.count; i < round_up(tile.count, kGemmRows); ++i) {
      k_rows[i] = reinterpret_cast<const char*>(kZeroRow);
    }
    prepare_values(tile);
  }

  HWY_INLINE void prepare_values(const KvTile& tile) {
    const int32_t size = f.layer.head_size_v;
    if constexpr (Words::kPerWord == 1) {
      v_words = tile.count;
      for (int32_t i = 0; i < tile.count; ++i) {
        v_rows[i] = tile.v[i];
        if (tile.type == DataType::kF32) continue;
        float* row = reinterpret_cast<float*>(wide_v) + static_cast<int64_t>(i) * size;
        load_row(tile.type, tile.v[i], row, size);
        v_rows[i] = reinterpret_cast<const char*>(row);
      }
    } else {
    v_words = (tile.count + 1) / 2;
    for (int32_t i = 0; i < v_words; ++i) {
      const void* even = tile.v[2 * i];
      const void* odd = 2 * i + 1 < tile.count ? tile.v[2 * i + 1] : reinterpret_cast<const char*>(kZeroRow);
      uint16_t even_row[256];
      uint16_t odd_row[256];
      if (tile.type != DataType::kBF16) {
        float values[256];
        load_row(tile.type, even, values, size);
        store_row(DataType::kBF16, values, even_row, size, 1.0f);
        load_row(tile.type, odd, values, size);
        store_row(DataType::kBF16, values, odd_row, size, 1.0f);
        even = even_row;
        odd = odd_row;
      }
      char* row = wide_v + static_cast<int64_t>(i) * size * 4;
      interleave_16(static_cast<const uint16_t*>(even), static_cast<const uint16_t*>(odd), size, row);
      v_rows[i] = row;
    }
    }
  }

  // out = even[0], odd[0], even[1], odd[1], ... ; size is a multiple of 8.
  static HWY_INLINE void interleave_16(const uint16_t* even, const uint16_t* odd, int32_t size, char* out) {
#if HWY_TARGET == HWY_SCALAR
    uint16_t* to = reinterpret_cast<uint16_t*>(out);
    for (int32_t i = 0; i < size; ++i) {
      to[2 * i] = even[i];
      to[2 * i + 1] = odd[i];
    }
#else
    const hn::Full128<uint16_t> d;
    uint16_t* to = reinterpret_cast<uint16_t*>(out);
    for (int32_t i = 0; i < size; i += 8) {
      const auto a = hn::LoadU(d, even + i);
      const auto b = hn::LoadU(d, odd + i);
      hn::StoreU(hn::InterleaveLower(d, a, b), d, to + 2 * i);
      hn::StoreU(hn::InterleaveUpper(d, a, b), d, to + 2 * i + 8);
    }
#endif
  }

  HWY_INLINE void step(const Strip& strip, const KvTile& tile, bool masked, bool fresh, const TileState& state) {
    const Layer& layer = f.layer;
    const FloatTag d;
    const int32_t width = static_cast<int32_t>(hn::Lanes(d));
    const int64_t stride = static_cast<int64_t>(strip.vectors) * width;
    const int32_t words = layer.head_size / Words::kPerWord;
    const float* q = queries + static_cast<int64_t>(strip.begin) * words;
#define FOVEA_CALL(V) strip_scores<Words, V>(k_rows, tile.count, words, q, scores)
    FOVEA_FOR_STRIP_VECTORS(strip.vectors, FOVEA_CALL)
#undef FOVEA_CALL
    const float scale = layer.scale * f.q_scale * tile.k_scale;
    const bool features = layer.softcap > 0.0f || layer.alibi != Alibi::kNone;
    const float factor = features ? 1.0f : scale * kLog2E;
    for (int32_t v = 0; v < strip.vectors; ++v) {
      const int32_t row = strip.begin + v * width;
      float* column = scores + v * width;
      if (features) apply_score_features(layer, lanes, row, tile.begin, tile.count, scale, column, stride);
      if (masked) apply_mask(lanes, row, tile.begin, tile.count, column, stride);
      Vec a;
      if constexpr (Words::kPerWord == 1) {
        a = softmax_column(column, stride, tile.count, 0, factor, tile.v_scale, state.m + row, state.l + row,
                           [&](int32_t pair, Vec p0, Vec p1) {
                             hn::Store(p0, d, column + 2 * pair * stride);
                             if (2 * pair + 1 < tile.count) hn::Store(p1, d, column + (2 * pair + 1) * stride);
                           });
      } else {
        a = softmax_column(column, stride, tile.count, 0, factor, tile.v_scale, state.m + row, state.l + row,
                           [&](int32_t pair, Vec p0, Vec p1) {
                             const auto low = encode_bf16(p0);
                             const auto high = hn::ShiftLeft<16>(encode_bf16(p1));
                             hn::Store(hn::BitCast(d, hn::Or(low, high)), d, weights + pair * stride + v * width);
                           });
      }
      hn::Store(a, d, alpha + v * width);
    }
    float* acc = state.acc + static_cast<int64_t>(strip.begin) * state.acc_rows;
    const float* p = Words::kPerWord == 1 ? scores : weights;
#define FOVEA_CALL(V) strip_values<Words, V>(v_rows, v_words, layer.head_size_v, p, alpha, fresh, acc)
    FOVEA_FOR_STRIP_VECTORS(strip.vectors, FOVEA_CALL)
#undef FOVEA_CALL
  }
};

// Rows of a unit: strips of 3 vectors, and enough of them that widening or pairing a tile is a small part of the work.
HWY_INLINE int32_t vector_tile_rows() {
  const int32_t strip = static_cast<int32_t>(hn::Lanes(FloatTag())) * kMaxStripVectors;
  return strip * (strip >= 48 ? 3 : strip >= 24 ? 4 : 6);
}

template <class Words>
HWY_INLINE size_t vector_tile_layout(const Layer& layer, ScratchCursor* cursor, RowLanes** lanes, float** queries, float** scores,
                                     float** weights, float** alpha, char** wide_k, char** wide_v, char** gather,
                                     float** row_buffer, TileState* total, TileState* chunk) {
  const int32_t rows = vector_tile_rows();
  const int32_t strip = static_cast<int32_t>(hn::Lanes(FloatTag())) * kMaxStripVectors;
  const size_t size = static_cast<size_t>(layer.head_size);
  const size_t size_v = static_cast<size_t>(layer.head_size_v);
  *lanes = cursor->take<RowLanes>(1);
  *queries = cursor->take<float>(static_cast<size_t>(rows) * size);
  *scores = cursor->take<float>(static_cast<size_t>(kTileKeys) * strip);
  *weights = cursor->take<float>(Words::kPerWord == 1 ? 0 : static_cast<size_t>(kTileKeys) / 2 * strip);
  *alpha = cursor->take<float>(strip);
  *wide_k = cursor->take<char>(static_cast<size_t>(kTileKeys) * size * 4);
  *wide_v = cursor->take<char>(static_cast<size_t>(kTileKeys) * size_v * 4);
  *gather = cursor->take<char>(2 * gather_scratch_size(layer, kTileKeys));
  *row_buffer = cursor->take<float>(static_cast<size_t>(strip) * (size > size_v ? size : size_v));
  *total = take_tile_state(cursor, rows, layer.head_size_v);
  *chunk = take_tile_state(cursor, rows, layer.head_size_v);
  return cursor->used;
}

template <class Words>
HWY_INLINE size_t vector_tile_scratch(const Layer& layer) {
  ScratchCursor cursor = {nullptr, 0};
  RowLanes* lanes;
  float *queries, *scores, *weights, *alpha, *row_buffer;
  char *wide_k, *wide_v, *gather;
  TileState total, chunk;
  return vector_tile_layout<Words>(layer, &cursor, &lanes, &queries, &scores, &weights, &alpha, &wide_k, &wide_v, &gather,
                                   &row_buffer, &total, &chunk);
}

template <class Words>
static HWY_NOINLINE void vector_tile_run(const Forward& f, const WorkItem& item, char* scratch) {
  const int32_t rows = item.row_end - item.row_begin;
  const int32_t width = static_cast<int32_t>(hn::Lanes(FloatTag()));
  const int32_t padded_rows = round_up(rows, width);
  const Sequence s = sequence_of(f, item.seq);
  ScratchCursor cursor = {scratch, 0};
  RowLanes* lanes;
  float *queries, *scores, *weights, *alpha, *row_buffer;
  char *wide_k, *wide_v, *gather;
  TileState total, chunk;
  vector_tile_layout<Words>(f.layer, &cursor, &lanes, &queries, &scores, &weights, &alpha, &wide_k, &wide_v, &gather, &row_buffer,
                            &total, &chunk);
  fill_row_lanes(f, item, s, padded_rows, lanes);
  Strip strips[kMaxStrips];
  const int32_t num_strips = make_strips(*lanes, rows, kMaxStripVectors, strips);
  const int32_t words = f.layer.head_size / Words::kPerWord;
  for (int32_t i = 0; i < num_strips; ++i) {
    pack_queries<Words>(f, item, s, strips[i], row_buffer, queries + static_cast<int64_t>(strips[i].begin) * words);
  }
  VectorPipeline<Words> pipeline = {f, *lanes, queries, scores, weights, alpha, wide_k, wide_v, {}, {}, 0};
  walk_chunks(f, item, s, strips, num_strips, padded_rows, gather, row_buffer, total, chunk, pipeline);
}

}  // namespace fovea::cpu::FOVEA_ISA_NAMESPACE
