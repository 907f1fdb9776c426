// From key positions to memory: a pointer to the key row and the value row of each key of a tile.
//
// A key that no row of the unit sees gets the zero row: its memory is not touched (it may be stale, unwritten or NaN) and
// its value adds nothing. Its score is masked like any other's.
#pragma once

#include "kernels/cpu/visibility.h"

namespace fovea::cpu {
// Zeros, long enough for a row of any data type and head size, and for the widest load beyond its end.
extern const unsigned char kZeroRow[1088];
}  // namespace fovea::cpu

namespace fovea::cpu::FOVEA_ISA_NAMESPACE {

inline constexpr int32_t kMaxTileKeys = 128;

struct KvTile {
  int32_t begin;      // position of the first key
  int32_t count;      // keys, at most kMaxTileKeys
  DataType type;      // of all rows of the tile
  float k_scale;      // read value = stored value * scale
  float v_scale;
  const char* k[kMaxTileKeys];
  const char* v[kMaxTileKeys];
};

// True if this step's keys are read from Forward::key and value instead of the cache.
HWY_INLINE bool has_dense(const Forward& f) { return f.key.data != nullptr; }

// Position from which keys come from the dense tensors; beyond every position if none do.
HWY_INLINE int32_t dense_begin(const Forward& f, const Sequence& s) {
  return has_dense(f) ? max_of(0, s.context_len) : s.seq_len;
}

// True if rows of the cache and of this step may stand in one tile.
HWY_INLINE bool dense_matches_cache(const Forward& f) {
  return f.layer.dense_type == f.layer.cache_type && f.k_scale == nullptr && f.v_scale == nullptr;
}

HWY_INLINE float kv_scale(const Forward& f, const float* scale, int32_t kv_head) {
  if (scale == nullptr) return 1.0f;
  return f.layer.kv_scales == KvScales::kPerHead ? scale[kv_head] : scale[0];
}

// End of the tile that begins at `begin` and may hold keys up to `end`: cut where the source changes, if that matters.
HWY_INLINE int32_t tile_end(const Forward& f, const Sequence& s, int32_t begin, int32_t end) {
  const int32_t dense = dense_begin(f, s);
  if (begin < dense && end > dense && !dense_matches_cache(f)) return dense;
  return end;
}

// Bytes of scratch that kv_tile needs where rows of the cache are not contiguous in memory.
HWY_INLINE size_t gather_scratch_size(const Layer& layer, int32_t tile_keys) {
  if (layer.cache_layout != CacheLayout::kVectorized || layer.attention_type == AttentionType::kEncoder) return 0;
  const size_t bytes = static_cast<size_t>(tile_keys) * (layer.head_size + layer.head_size_v) * size_of(layer.cache_type);
  return (bytes + 127) / 64 * 64;  // one line beyond the last row, which vector loads may touch
}

template <class T>
HWY_INLINE void gather_vectorized_rows(const Cache& kc, const Cache& vc, int64_t k_base, int64_t v_base, int32_t head_size,
                                       int32_t head_size_v, T* k_out, T* v_out) {
  const int32_t x = static_cast<int32_t>(16 / sizeof(T));
  const T* k = static_cast<const T*>(kc.data) + k_base;
  const T* v = static_cast<const T*>(vc.data) + v_base;
  for (int32_t d0 = 0; d0 < head_size; d0 += x) {
    __builtin_memcpy(k_out + d0, k + (d0 / x) * kc.group_stride, 16);
  }
  for (int32_t d = 0; d < head_size_v; ++d) v_out[d] = v[d * vc.group_stride];
}

// Resolves keys [begin, end) (already cut by tile_end) of one KV head. `gather` holds gather_scratch_size bytes.
HWY_INLINE void kv_tile(const Forward& f, const Sequence& s, int32_t kv_head, const VisibleKeys& visible, int32_t begin,
                        int32_t end, char* gather, KvTile* tile) {
  const Layer& layer = f.layer;
  const int32_t dense = dense_begin(f, s);
  const int32_t cache_end = min_of(end, dense);
  tile->begin = begin;
  tile->count = end - begin;
  const bool from_cache = begin < cache_end;
  tile->type = from_cache ? layer.cache_type : layer.dense_type;
  tile->k_scale = from_cache ? kv_scale(f, f.k_scale, kv_head) : 1.0f;
  tile->v_scale = from_cache ? kv_scale(f, f.v_scale, kv_head) : 1.0f;
  const char* zero = reinterpret_cast<const char*>(kZeroRow);
  const int64_t cache_size = static_cast<int64_t>(size_of(layer.cache_type));
  const int64_t dense_size = static_cast<int64_t>(size_of(layer.dense_type));

  int32_t t = begin;
  for (int32_t i = 0; i < visible.count && t < end; ++i) {
    const int32_t from = max_of(t, visible.intervals[i].begin);
    const int32_t to = min_of(end, visible.intervals[i].end);
    if (from >= to) continue;
    for (; t < from; ++t) {
      tile->k[t - begin] = zero;
      tile->v[t - begin] = zero;
    }
    while (t < min_of(to, cache_end)) {
      const int32_t block = t / layer.block_size;
      const int32_t row = t - block * layer.block_size;
      const int32_t run = min_of(min_of(to, cache_end), t - row + layer.block_size) - t;
      const int64_t id = f.batch.block_table[s.index * f.batch.block_table_stride + block];
      const int64_t k_base = id * f.key_cache.block_stride + kv_head * f.key_cache.head_stride + row * f.key_cache.row_stride;
      const int64_t v_base =
          id * f.value_cache.block_stride + kv_head * f.value_cache.head_stride + row * f.value_cache.row_stride;
      if (layer.cache_layout == CacheLayout::kStrided) {
        const char* k = static_cast<const char*>(f.key_cache.data) + k_base * cache_size;
        const char* v = static_cast<const char*>(f.value_cache.data) + v_base * cache_size;
        const int64_t k_step = f.key_cache.row_stride * cache_size;
        const int64_t v_step = f.value_cache.row_stride * cache_size;
        for (int32_t j = 0; j < run; ++j) {
          tile->k[t + j - begin] = k + j * k_step;
          tile->v[t + j - begin] = v + j * v_step;
        }
      } else {
        for (int32_t j = 0; j < run; ++j) {
          char* k_out = gather + static_cast<int64_t>(t + j - begin) * layer.head_size * cache_size;
          char* v_out = gather + static_cast<int64_t>(tile->count) * layer.head_size * cache_size +
                        static_cast<int64_t>(t + j - begin) * layer.head_size_v * cache_size;
          const int64_t kb = k_base + j * f.key_cache.row_stride;
          const int64_t vb = v_base + j * f.value_cache.row_stride;
          if (cache_size == 4) {
            gather_vectorized_rows(f.key_cache, f.value_cache, kb, vb, layer.head_size, layer.head_size_v,
                                   reinterpret_cast<uint32_t*>(k_out), reinterpret_cast<uint32_t*>(v_out));
          } else if (cache_size == 2) {
            gather_vectorized_rows(f.key_cache, f.value_cache, kb, vb, layer.head_size, layer.head_size_v,
                                   reinterpret_cast<uint16_t*>(k_out), reinterpret_cast<uint16_t*>(v_out));
          } else {
            gather_vectorized_rows(f.key_cache, f.value_cache, kb, vb, layer.head_size, layer.head_size_v,
                                   reinterpret_cast<uint8_t*>(k_out), reinterpret_cast<uint8_t*>(v_out));
          }
          tile->k[t + j - begin] = k_out;
          tile->v[t + j - begin] = v_out;
        }
      }
      t += run;
    }
    for (; t < to; ++t) {
      const int64_t row = int64_t{s.first_token} + t - s.context_len;
      tile->k[t - begin] = static_cast<const char*>(f.key.data) +
                           (row * f.key.row_stride + kv_head * f.key.head_stride) * dense_size;
      tile->v[t - begin] = static_cast<const char*>(f.value.data) +
                           (row * f.value.row_stride + kv_head * f.value.head_stride) * dense_size;
    }
  }
  for (; t < end; ++t) {
    tile->k[t - begin] = zero;
    tile->v[t - begin] = zero;
  }
}

}  // namespace fovea::cpu::FOVEA_ISA_NAMESPACE
