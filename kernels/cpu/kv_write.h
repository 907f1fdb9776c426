// Writing keys and values of new tokens into the paged cache.
#pragma once

#include "kernels/cpu/convert.h"

namespace fovea::cpu::FOVEA_ISA_NAMESPACE {

// One row in the cache's type: stored value = x / scale. `converted` and `floats` hold kMaxHeadSize elements; the result
// is the source itself where nothing changes.
HWY_INLINE const char* encode_row(const Layer& layer, const char* from, int32_t size, float scale, float* floats,
                                  char* converted) {
  if (layer.dense_type == layer.cache_type && scale == 1.0f) return from;
  load_row(layer.dense_type, from, floats, size);
  store_row(layer.cache_type, floats, converted, size, scale);
  return converted;
}

template <class T>
HWY_INLINE void scatter_value(const char* row, int32_t size, T* to, int64_t stride) {
  const T* from = reinterpret_cast<const T*>(row);
  for (int32_t d = 0; d < size; ++d) to[d * stride] = from[d];
}

// Tokens [begin, end). Negative slots are skipped: padding, or rows the engine does not keep.
static void write_kv_tokens(const KvWrite& w, int32_t begin, int32_t end) {
  const Layer& layer = w.layer;
  const int64_t dense_size = static_cast<int64_t>(size_of(layer.dense_type));
  const int64_t cache_size = static_cast<int64_t>(size_of(layer.cache_type));
  char* k_cache = static_cast<char*>(const_cast<void*>(w.key_cache.data));
  char* v_cache = static_cast<char*>(const_cast<void*>(w.value_cache.data));
  alignas(64) float floats[kMaxHeadSize];
  alignas(64) char converted[kMaxHeadSize * sizeof(float)];
  for (int32_t i = begin; i < end; ++i) {
    const int64_t slot = w.slot_mapping[i];
    if (slot < 0) continue;
    const int64_t block = slot / layer.block_size;
    const int64_t row = slot % layer.block_size;
    for (int32_t h = 0; h < layer.num_kv_heads; ++h) {
      const int64_t scale_index = layer.kv_scales == KvScales::kPerHead ? h : 0;
      const float k_scale = w.k_scale != nullptr ? w.k_scale[scale_index] : 1.0f;
      const float v_scale = w.v_scale != nullptr ? w.v_scale[scale_index] : 1.0f;
      const int64_t k_at = block * w.key_cache.block_stride + h * w.key_cache.head_stride + row * w.key_cache.row_stride;
      const int64_t v_at = block * w.value_cache.block_stride + h * w.value_cache.head_stride;
      const char* key = static_cast<const char*>(w.key.data) + (i * w.key.row_stride + h * w.key.head_stride) * dense_size;
      const char* value =
          static_cast<const char*>(w.value.data) + (i * w.value.row_stride + h * w.value.head_stride) * dense_size;

      const char* stored = encode_row(layer, key, layer.head_size, k_scale, floats, converted);
      char* k_to = k_cache + k_at * cache_size;
      if (layer.cache_layout == CacheLayout::kStrided) {
        __builtin_memcpy(k_to, stored, static_cast<size_t>(layer.head_size * cache_size));
      } else {
        const int64_t step = w.key_cache.group_stride * cache_size;
        const int32_t groups = static_cast<int32_t>(layer.head_size * cache_size / 16);
        for (int32_t g = 0; g < groups; ++g) __builtin_memcpy(k_to + g * step, stored + 16 * g, 16);
      }

      stored = encode_row(layer, value, layer.head_size_v, v_scale, floats, converted);
      if (layer.cache_layout == CacheLayout::kStrided) {
        __builtin_memcpy(v_cache + (v_at + row * w.value_cache.row_stride) * cache_size, stored,
                         static_cast<size_t>(layer.head_size_v * cache_size));
        continue;
      }
      char* v_to = v_cache + (v_at + row) * cache_size;
      const int64_t step = w.value_cache.group_stride;
      if (cache_size == 4) {
        scatter_value(stored, layer.head_size_v, reinterpret_cast<uint32_t*>(v_to), step);
      } else if (cache_size == 2) {
        scatter_value(stored, layer.head_size_v, reinterpret_cast<uint16_t*>(v_to), step);
      } else {
        scatter_value(stored, layer.head_size_v, reinterpret_cast<uint8_t*>(v_to), step);
      }
    }
  }
}

}  // namespace fovea::cpu::FOVEA_ISA_NAMESPACE
