// The reference's own KV cache write.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/reference/reference_attention.h"

namespace fovea_reference {

struct CacheWrite {
  int num_kv_heads = 1;
  int head_size = 1;
  int head_size_v = 1;
  int block_size = 16;
  Layout layout = Layout::kStrided;
  Rows key;
  Rows value;
  Cache key_cache;    // `data` is written
  Cache value_cache;
  std::vector<int64_t> slot_mapping;  // one per token; negative: skip
  std::vector<float> k_scales;        // empty, [1] or [num_kv_heads]
  std::vector<float> v_scales;
};

void write_cache(const CacheWrite& write);

// Bits stored for an element: those of the source where the types agree, else round(x / scale).
uint32_t stored_bits(Type from, uint32_t bits, Type to, float scale);

}  // namespace fovea_reference
