// Tile path on AMX: the two products on 16 x 16 tiles of fp32 with bf16 pairs, everything else as in tile.h.
//
//   S^T [16 keys, 16 rows] += K [16 keys, 32 d] . Q^T [16 pairs of d, 16 rows, 2]     K as it is, Q packed once per unit
//   O^T [16 d, 16 rows]    += V^T [16 d, 32 keys] . P^T [16 pairs of keys, 16 rows, 2] V transposed once per tile of keys
//
// With keys down and rows across, softmax is lane by lane and its weights, taken in pairs of keys, already lie as the second
// product's operand. Blocks of 2 x 2 tiles: four loads for four products. All operands are kept as whole tiles of 1 KiB, since
// 16 cache rows 2 KiB apart would fall into a few sets of the first-level cache.
//
// Source of the tile layouts: Intel 64 and IA-32 Architectures Software Developer's Manual, TDPBF16PS, LDTILECFG.
#pragma once

#include "kernels/cpu/tile.h"

#if !defined(FOVEA_EMULATE_AMX)
#include <immintrin.h>
#endif

namespace fovea::cpu::FOVEA_ISA_NAMESPACE {

inline constexpr int32_t kAmxTileKeys = 128;
inline constexpr int32_t kAmxStrip = 32;  // rows of a strip: two tiles across
inline constexpr int32_t kAmxRows = 256;
inline constexpr int32_t kTileBytes = 1024;
static_assert(kKvChunk % kAmxTileKeys == 0 && kAmxTileKeys <= kMaxTileKeys && kAmxRows <= kMaxItemRows);

#if defined(FOVEA_EMULATE_AMX)
// The instructions in plain code, for tests of everything around them on processors without AMX.
struct EmulatedTile {
  alignas(64) unsigned char bytes[kTileBytes];
};
static thread_local EmulatedTile emulated_tiles[8];
HWY_INLINE void emulated_load(int t, const void* from, int64_t stride) {
  for (int r = 0; r < 16; ++r) {
    __builtin_memcpy(emulated_tiles[t].bytes + r * 64, static_cast<const char*>(from) + r * stride, 64);
  }
}
HWY_INLINE void emulated_store(int t, void* to, int64_t stride) {
  for (int r = 0; r < 16; ++r) __builtin_memcpy(static_cast<char*>(to) + r * stride, emulated_tiles[t].bytes + r * 64, 64);
}
HWY_INLINE float emulated_bf16(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  __builtin_memcpy(&value, &wide, 4);
  return value;
}
HWY_INLINE void emulated_product(int c, int a, int b) {
  auto* sums = reinterpret_cast<float*>(emulated_tiles[c].bytes);
  const auto* left = reinterpret_cast<const uint16_t*>(emulated_tiles[a].bytes);
  const auto* right = reinterpret_cast<const uint16_t*>(emulated_tiles[b].bytes);
  for (int m = 0; m < 16; ++m) {
    for (int k = 0; k < 32; ++k) {
      const float x = emulated_bf16(left[m * 32 + k]);
      for (int n = 0; n < 16; ++n) sums[m * 16 + n] += x * emulated_bf16(right[(k / 2) * 32 + 2 * n + k % 2]);
    }
  }
}
#define FOVEA_TILE_ZERO(t) __builtin_memset(emulated_tiles[t].bytes, 0, kTileBytes)
#define FOVEA_TILE_LOAD(t, from, stride) emulated_load(t, from, stride)
#define FOVEA_TILE_STORE(t, to, stride) emulated_store(t, to, stride)
#define FOVEA_TILE_PRODUCT(c, a, b) emulated_product(c, a, b)
HWY_INLINE void amx_begin() {}
HWY_INLINE void amx_end() {}
#else
// The compiler's own intrinsics do not say that they read and write memory (GCC 12), so stores before a tile load may be moved
// behind it.
#define FOVEA_TILE_ZERO(t) __asm__ volatile("tilezero %%tmm" #t ::)
#define FOVEA_TILE_LOAD(t, from, stride) \
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #t ::"r"(from), "r"(static_cast<int64_t>(stride)) : "memory")
#define FOVEA_TILE_STORE(t, to, stride) \
  __asm__ volatile("tilestored %%tmm" #t ", (%0,%1,1)" ::"r"(to), "r"(static_cast<int64_t>(stride)) : "memory")
#define FOVEA_TILE_PRODUCT(c, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::)

struct TileConfig {
  uint8_t palette;
  uint8_t start_row;
  uint8_t reserved[14];
  uint16_t column_bytes[16];
  uint8_t rows[16];
};
static_assert(sizeof(TileConfig) == 64);

HWY_INLINE void amx_begin() {
  alignas(64) TileConfig config = {};
  config.palette = 1;
  for (int i = 0; i < 8; ++i) {
    config.column_bytes[i] = 64;
    config.rows[i] = 16;
  }
  __asm__ volatile("ldtilecfg %0" ::"m"(config));
}
HWY_INLINE void amx_end() { __asm__ volatile("tilerelease" ::); }
#endif

// Products use tiles 0-3 as sums [2 down][2 across], 4-5 as left operands (down), 6-7 as right operands (across).
template <bool kTwoDown, bool kTwoAcross>
HWY_INLINE void amx_products(const char* left0, const char* left1, const char* right0, const char* right1, int32_t steps) {
  for (int32_t k = 0; k < steps; ++k) {
    FOVEA_TILE_LOAD(6, right0 + k * kTileBytes, 64);
    FOVEA_TILE_LOAD(4, left0 + k * kTileBytes, 64);
    FOVEA_TILE_PRODUCT(0, 4, 6);
    if constexpr (kTwoAcross) {
      FOVEA_TILE_LOAD(7, right1 + k * kTileBytes, 64);
      FOVEA_TILE_PRODUCT(1, 4, 7);
    }
    if constexpr (kTwoDown) {
      FOVEA_TILE_LOAD(5, left1 + k * kTileBytes, 64);
      FOVEA_TILE_PRODUCT(2, 5, 6);
      if constexpr (kTwoAcross) FOVEA_TILE_PRODUCT(3, 5, 7);
    }
  }
}

// One block of sums at `to` (row stride in bytes): started from zero, or from what is there.
template <bool kTwoDown, bool kTwoAcross>
HWY_INLINE void amx_block(const char* left0, const char* left1, const char* right0, const char* right1, int32_t steps, bool fresh,
                          float* to, int64_t stride) {
  char* at = reinterpret_cast<char*>(to);
  if (fresh) {
    FOVEA_TILE_ZERO(0);
    if constexpr (kTwoAcross) FOVEA_TILE_ZERO(1);
    if constexpr (kTwoDown) FOVEA_TILE_ZERO(2);
    if constexpr (kTwoDown && kTwoAcross) FOVEA_TILE_ZERO(3);
  } else {
    FOVEA_TILE_LOAD(0, at, stride);
    if constexpr (kTwoAcross) FOVEA_TILE_LOAD(1, at + 64, stride);
    if constexpr (kTwoDown) FOVEA_TILE_LOAD(2, at + 16 * stride, stride);
    if constexpr (kTwoDown && kTwoAcross) FOVEA_TILE_LOAD(3, at + 16 * stride + 64, stride);
  }
  amx_products<kTwoDown, kTwoAcross>(left0, left1, right0, right1, steps);
  FOVEA_TILE_STORE(0, at, stride);
  if constexpr (kTwoAcross) FOVEA_TILE_STORE(1, at + 64, stride);
  if constexpr (kTwoDown) FOVEA_TILE_STORE(2, at + 16 * stride, stride);
  if constexpr (kTwoDown && kTwoAcross) FOVEA_TILE_STORE(3, at + 16 * stride + 64, stride);
}

// sums [down * 16][across * 16] (+)= left . right; left tiles are [down][steps], right tiles [across][right_tiles_per_row].
HWY_INLINE void amx_product(const char* left, const char* right, int64_t right_stride, int32_t down, int32_t across, int32_t steps,
                            bool fresh, float* sums) {
  const int64_t stride = static_cast<int64_t>(across) * 64;
  const int64_t left_stride = static_cast<int64_t>(steps) * kTileBytes;
  const char* right1 = right + right_stride;
  int32_t i = 0;
  for (; i + 2 <= down; i += 2) {
    float* to = sums + static_cast<int64_t>(i) * 16 * across * 16;
    const char* left0 = left + i * left_stride;
    if (across == 2) {
      amx_block<true, true>(left0, left0 + left_stride, right, right1, steps, fresh, to, stride);
    } else {
      amx_block<true, false>(left0, left0 + left_stride, right, right1, steps, fresh, to, stride);
    }
  }
  if (i < down) {
    float* to = sums + static_cast<int64_t>(i) * 16 * across * 16;
    const char* left0 = left + i * left_stride;
    if (across == 2) {
      amx_block<false, true>(left0, left0, right, right1, steps, fresh, to, stride);
    } else {
      amx_block<false, false>(left0, left0, right, right1, steps, fresh, to, stride);
    }
  }
}

// A row of bf16 from a row of bf16 or fp8.
HWY_INLINE const uint16_t* bf16_row(DataType type, const char* row, int32_t size, float* values, uint16_t* buffer) {
  if (type == DataType::kBF16) return reinterpret_cast<const uint16_t*>(row);
  load_row(type, row, values, size);
  store_row(DataType::kBF16, values, buffer, size, 1.0f);
  return buffer;
}

// Two weights a lane, as bf16: even in the low half, odd in the high half.
HWY_INLINE Vec pair_bf16(Vec even, Vec odd) {

#if defined(__AVX512BF16__) && !defined(FOVEA_EMULATE_AMX)
  const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(odd.raw, even.raw);
  alignas(64) static constexpr uint16_t kOrder[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                      8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return Vec{_mm512_castsi512_ps(_mm512_permutexvar_epi16(_mm512_load_si512(kOrder), both))};
#else
  return hn::BitCast(FloatTag(), hn::Or(encode_bf16(even), hn::ShiftLeft<16>(encode_bf16(odd))));
#endif
}

// V^T of 32 keys x 16 d: out, a tile, row j holds element d0 + j of keys 0 ... 31. `rows` are bf16.
#if defined(__AVX512BW__) && !defined(FOVEA_EMULATE_AMX)
HWY_INLINE void transpose_values(const uint16_t* const* rows, int32_t d0, char* out) {
  // Pairs of keys as 32-bit words [16 pairs][16 d], then four 4 x 4 transposes at once: lane group g of vector j is pair
  // 4 g + j, gathered by loads, so that only the last two steps need the shuffle port.
  alignas(64) uint32_t words[16][16];
#pragma GCC unroll 16
  for (int p = 0; p < 16; ++p) {
    const __m512i even = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[2 * p] + d0)));
    const __m512i odd = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[2 * p + 1] + d0)));
    _mm512_store_si512(words[p], _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    __m512i v[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const auto at = [&](int g) { return _mm_load_si128(reinterpret_cast<const __m128i*>(&words[4 * g + j][4 * c])); };
      __m512i x = _mm512_castsi128_si512(at(0));
      x = _mm512_inserti32x4(x, at(1), 1);
      x = _mm512_inserti32x4(x, at(2), 2);
      v[j] = _mm512_inserti32x4(x, at(3), 3);
    }
    const __m512i a = _mm512_unpacklo_epi32(v[0], v[1]);
    const __m512i b = _mm512_unpackhi_epi32(v[0], v[1]);
    const __m512i e = _mm512_unpacklo_epi32(v[2], v[3]);
    const __m512i g = _mm512_unpackhi_epi32(v[2], v[3]);
    _mm512_store_si512(out + (4 * c + 0) * 64, _mm512_unpacklo_epi64(a, e));
    _mm512_store_si512(out + (4 * c + 1) * 64, _mm512_unpackhi_epi64(a, e));
    _mm512_store_si512(out + (4 * c + 2) * 64, _mm512_unpacklo_epi64(b, g));
    _mm512_store_si512(out + (4 * c + 3) * 64, _mm512_unpackhi_epi64(b, g));
  }
}
#else
HWY_INLINE void transpose_values(const uint16_t* const* rows, int32_t d0, char* out) {
  auto* to = reinterpret_cast<uint16_t*>(out);
  for (int k = 0; k < 32; ++k) {
    for (int j = 0; j < 16; ++j) to[j * 32 + k] = rows[k][d0 + j];
  }
}
#endif

struct AmxScratch {
  RowLanes* lanes;
  char* queries;   // [16-row groups][steps of 32 d] tiles
  float* scores;   // [kAmxTileKeys][strip]
  char* weights;   // [2][kAmxTileKeys / 32] tiles
  float* alpha;    // [strip]
  char* k_tiles;   // [kAmxTileKeys / 16][steps of 32 d] tiles
  char* v_tiles;   // [16 d][kAmxTileKeys / 32] tiles
  char* gather;
  float* row_buffer;
  TileState total;
  TileState chunk;
};

HWY_INLINE AmxScratch amx_layout(const Layer& layer, ScratchCursor* cursor) {
  const size_t steps = static_cast<size_t>(layer.head_size + 31) / 32;
  const int32_t size_v = round_up(layer.head_size_v, 16);
  const size_t widest = static_cast<size_t>(layer.head_size > size_v ? layer.head_size : size_v);
  AmxScratch s;
  s.lanes = cursor->take<RowLanes>(1);
  s.queries = cursor->take<char>(kAmxRows / 16 * steps * kTileBytes);
  s.scores = cursor->take<float>(static_cast<size_t>(kAmxTileKeys) * kAmxStrip);
  s.weights = cursor->take<char>(static_cast<size_t>(kAmxTileKeys) / 32 * 2 * kTileBytes);
  s.alpha = cursor->take<float>(kAmxStrip);
  s.k_tiles = cursor->take<char>(kAmxTileKeys / 16 * steps * kTileBytes);
  s.v_tiles = cursor->take<char>(static_cast<size_t>(size_v) / 16 * kAmxTileKeys / 32 * kTileBytes);
  s.gather = cursor->take<char>(2 * gather_scratch_size(layer, kAmxTileKeys));
  s.row_buffer = cursor->take<float>(kAmxStrip * widest);
  s.total = take_tile_state(cursor, kAmxRows, size_v);
  s.chunk = take_tile_state(cursor, kAmxRows, size_v);
  return s;
}

HWY_INLINE size_t amx_tile_scratch(const Layer& layer) {
  ScratchCursor cursor = {nullptr, 0};
  amx_layout(layer, &cursor);
  return cursor.used;
}

// Pairs of d are the words of the packed queries.
struct PairWords {
  static constexpr int32_t kPerWord = 2;
};

struct AmxPipeline {
  static constexpr int32_t kTileKeys = kAmxTileKeys;

  const Forward& f;
  const AmxScratch& s;

  HWY_INLINE void prepare(const KvTile& tile) {
    const Layer& layer = f.layer;
    const int32_t steps = (layer.head_size + 31) / 32;
    const int32_t padded = round_up(tile.count, 32);
    const char* zero = reinterpret_cast<const char*>(kZeroRow);
    float values[256];
    uint16_t buffer[256];
    for (int32_t k = 0; k < padded; ++k) {
      const uint16_t* row = k < tile.count ? bf16_row(tile.type, tile.k[k], layer.head_size, values, buffer)
                                           : reinterpret_cast<const uint16_t*>(zero);
      char* to = s.k_tiles + static_cast<int64_t>(k / 16) * steps * kTileBytes + (k % 16) * 64;
      int32_t d0 = 0;
      for (; d0 + 32 <= layer.head_size; d0 += 32, to += kTileBytes) __builtin_memcpy(to, row + d0, 64);
      if (d0 < layer.head_size) {
        __builtin_memset(to, 0, 64);
        for (int32_t d = d0; d < layer.head_size; d += 8) __builtin_memcpy(to + (d - d0) * 2, row + d, 16);
      }
    }
    prepare_values(tile);
  }

  HWY_INLINE void prepare_values(const KvTile& tile) {
    const Layer& layer = f.layer;
    const int32_t size = layer.head_size_v;
    const int32_t key_steps = (tile.count + 31) / 32;
    float values[256];
    alignas(64) uint16_t converted[32][256];
    const uint16_t* rows[32];
    for (int32_t step = 0; step < key_steps; ++step) {
      // Rows whose tail of 8 would be read past its end are copied with zeros behind; so are rows of other types.
      const bool copy = tile.type == DataType::kBF16 && size % 16 != 0;
      for (int32_t j = 0; j < 32; ++j) {
        const int32_t k = step * 32 + j;
        if (k >= tile.count || tile.v[k] == reinterpret_cast<const char*>(kZeroRow)) {
          rows[j] = reinterpret_cast<const uint16_t*>(kZeroRow);
          continue;
        }
        rows[j] = bf16_row(tile.type, tile.v[k], size, values, converted[j]);
        if (copy) {
          __builtin_memcpy(converted[j], rows[j], static_cast<size_t>(size) * 2);
          rows[j] = converted[j];
        }
        if (size % 16 != 0) __builtin_memset(converted[j] + size, 0, 16);
      }
      for (int32_t d0 = 0; d0 < size; d0 += 16) {
        transpose_values(rows, d0, s.v_tiles + (static_cast<int64_t>(d0 / 16) * key_steps + step) * kTileBytes);
      }
    }
  }

  HWY_INLINE void step(const Strip& strip, const KvTile& tile, bool masked, bool fresh, const TileState& state) {
    const Layer& layer = f.layer;
    const FloatTag d;
    const int32_t lanes = static_cast<int32_t>(hn::Lanes(d));
    const int32_t across = strip.vectors * lanes / 16;
    const int32_t width = across * 16;
    const int32_t steps = (layer.head_size + 31) / 32;
    const int32_t key_steps = (tile.count + 31) / 32;
    const char* q = s.queries + static_cast<int64_t>(strip.begin / 16) * steps * kTileBytes;
    amx_product(s.k_tiles, q, static_cast<int64_t>(steps) * kTileBytes, key_steps * 2, across, steps, true, s.scores);

    const float scale = layer.scale * f.q_scale * tile.k_scale;
    const bool features = layer.softcap > 0.0f || layer.alibi != Alibi::kNone;
    const float factor = features ? 1.0f : scale * kLog2E;
    bool rescale = false;
    for (int32_t v = 0; v < strip.vectors; ++v) {
      const int32_t row = strip.begin + v * lanes;
      float* column = s.scores + v * lanes;
      if (features) apply_score_features(layer, *s.lanes, row, tile.begin, tile.count, scale, column, width);
      if (masked) apply_mask(*s.lanes, row, tile.begin, tile.count, column, width);
      float* to = reinterpret_cast<float*>(s.weights + static_cast<int64_t>(v * lanes / 16) * key_steps * kTileBytes) +
                  v * lanes % 16;
      const Vec a = softmax_column(column, width, tile.count, key_steps * 32, factor, tile.v_scale, state.m + row, state.l + row,
                                   [&](int32_t pair, Vec p0, Vec p1) { hn::Store(pair_bf16(p0, p1), d, to + pair * 16); });
      rescale |= !hn::AllTrue(d, hn::Eq(a, hn::Set(d, 1.0f)));
      hn::Store(a, d, s.alpha + v * lanes);
    }
    float* acc = state.acc + static_cast<int64_t>(strip.begin) * state.acc_rows;
    if (rescale && !fresh) {
      for (int32_t i = 0; i < layer.head_size_v; ++i) {
        for (int32_t v = 0; v < strip.vectors; ++v) {
          float* at = acc + static_cast<int64_t>(i) * width + v * lanes;
          hn::Store(hn::Mul(hn::Load(d, at), hn::Load(d, s.alpha + v * lanes)), d, at);
        }
      }
    }
    amx_product(s.v_tiles, s.weights, static_cast<int64_t>(key_steps) * kTileBytes, state.acc_rows / 16, across, key_steps, fresh,
                acc);
  }
};

// Queries as right operands: tiles [16-row groups][steps], rows of a tile are pairs of d.
HWY_INLINE void amx_pack_queries(const Forward& f, const WorkItem& item, const Sequence& s, int32_t rows, const AmxScratch& scratch) {
  const int32_t lanes = static_cast<int32_t>(hn::Lanes(FloatTag()));
  const int32_t steps = (f.layer.head_size + 31) / 32;
  for (int32_t begin = 0; begin < rows; begin += 16) {
    Strip group;
    group.begin = begin;
    group.vectors = 16 / lanes;
    float* out = reinterpret_cast<float*>(scratch.queries + static_cast<int64_t>(begin / 16) * steps * kTileBytes);
    pack_queries<PairWords>(f, item, s, group, scratch.row_buffer, out);
    for (int32_t i = f.layer.head_size / 2 * 16; i < steps * 256; ++i) out[i] = 0.0f;
  }
}

static HWY_NOINLINE void amx_tile_run(const Forward& f, const WorkItem& item, char* memory) {
  const int32_t rows = item.row_end - item.row_begin;
  const int32_t lanes = static_cast<int32_t>(hn::Lanes(FloatTag()));
  const int32_t padded_rows = round_up(rows, 16);
  const Sequence s = sequence_of(f, item.seq);
  ScratchCursor cursor = {memory, 0};
  const AmxScratch scratch = amx_layout(f.layer, &cursor);
  fill_row_lanes(f, item, s, padded_rows, scratch.lanes);
  Strip strips[kAmxRows / 16];
  int32_t num_strips = 0;
  for (int32_t begin = 0; begin < padded_rows; begin += kAmxStrip) {
    Strip& strip = strips[num_strips++];
    const int32_t width = min_of(kAmxStrip, padded_rows - begin);
    strip.begin = begin;
    strip.vectors = width / lanes;
    fill_strip_hulls(*scratch.lanes, rows, width, &strip);
  }
  amx_pack_queries(f, item, s, rows, scratch);
  AmxPipeline pipeline = {f, scratch};
  walk_chunks(f, item, s, strips, num_strips, padded_rows, scratch.gather, scratch.row_buffer, scratch.total, scratch.chunk,
              pipeline);
}

}  // namespace fovea::cpu::FOVEA_ISA_NAMESPACE
