// Writes this step's keys and values into the paged cache.
#pragma once

#include "kernels/hip/device/numbers.h"

namespace fovea::hip {

inline constexpr int kWriteThreads = 256;

// A thread takes eight elements of a key or value.
struct WriteKernel {
  const WriteParams& p;
  const Workgroup& wg;

  FOVEA_DEVICE WriteKernel(const WriteParams& params, const Workgroup& workgroup) : p(params), wg(workgroup) {}

  FOVEA_DEVICE void run() const {
    const int key_eights = p.num_kv_heads * (p.head_size / 8), value_eights = p.num_kv_heads * (p.head_size_v / 8);
    const int per_token = key_eights + value_eights;
    const Int index = wg.thread() + wg.x * kWriteThreads;
    Int token = index / per_token;
    const Int part = index % per_token;
    Bool mask = token < p.num_tokens;
    const Long slot = global_load(p.slot_mapping + token, mask, int64_t{-1});
    mask = mask & (slot >= 0) & (slot < p.key_cache.num_blocks * p.block_size);
    const Long block = slot / p.block_size;
    const Int row = to_int(slot % p.block_size);
    write(p.key, p.key_cache, p.k_scale, p.head_size, token, part, block, row, mask & (part < key_eights), false);
    write(p.value, p.value_cache, p.v_scale, p.head_size_v, token, part - key_eights, block, row, mask & (part >= key_eights),
          p.vectorized != 0);
  }

  FOVEA_DEVICE void write(const Rows& from, const Cache& cache, const float* scale, int head_size, Int token, Int part, Long block,
                          Int row, Bool mask, bool transposed) const {
    if (!any_lane(mask)) return;
    const int eights = head_size / 8;
    const Int head = select(mask, part / eights, Int(0)), element = select(mask, part % eights, Int(0)) * 8;
    const Pointer source = from.data + (to_long(token) * from.row_stride + to_long(head) * from.head_stride);
    const int size = p.cache_type == DataType::kF32 ? 4 : p.cache_type == DataType::kF16 || p.cache_type == DataType::kBF16 ? 2 : 1;
    const int x = 16 / size;
    Lane<char*> target = cache.data + (block * cache.block_stride + to_long(head) * cache.head_stride + to_long(row) * cache.row_stride);
    Float v[8];
    const bool same = p.cache_type == p.input_type;
    if (transposed && same && size == 2) {
      const Quad q = global_load_quad(source + to_long(element * 2), mask);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        global_store_half(target + to_long(element + i) * cache.group_stride, (q.w[i / 2] >> (i % 2 * 16)) & 0xffffu, mask);
      }
      return;
    }
    if (transposed) {
      load_eight(source, element, p.input_type, v, mask);
      divide(v, scale, head, mask);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        store_element(target + to_long(element + i) * cache.group_stride, p.cache_type, v[i], mask);
      }
      return;
    }
    Long offset = to_long(element * size);
    if (p.vectorized) offset = to_long(element / x) * cache.group_stride + to_long(element % x * size);
    if (same && size >= 2) {
      // Bits move as they are.
      global_store_quad(target + offset, global_load_quad(source + to_long(element * size), mask), mask);
      if (size == 4) {
        if (p.vectorized) offset = to_long((element + 4) / x) * cache.group_stride - 16;
        global_store_quad(target + (offset + 16), global_load_quad(source + to_long(element * size + 16), mask), mask);
      }
      return;
    }
    load_eight(source, element, p.input_type, v, mask);
    divide(v, scale, head, mask);
    const Float first[4] = {v[0], v[1], v[2], v[3]}, second[4] = {v[4], v[5], v[6], v[7]};
    store_elements(target + offset, Int(0), p.cache_type, 1.0f, first, mask);
    if (size == 4 && p.vectorized) offset = to_long((element + 4) / x) * cache.group_stride - 16;
    store_elements(target + offset, Int(4), p.cache_type, 1.0f, second, mask);
  }

  FOVEA_DEVICE void divide(Float (&v)[8], const float* scale, Int head, Bool mask) const {
    if (scale == nullptr) return;
    const Float by = p.scales_per_head ? global_load(scale + head, mask, 1.0f) : Float(*scale);
#pragma unroll
    for (int i = 0; i < 8; ++i) v[i] = v[i] / by;
  }
};

}  // namespace fovea::hip
