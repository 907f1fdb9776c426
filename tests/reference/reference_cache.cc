#include "tests/reference/reference_cache.h"

namespace fovea_reference {
namespace {

float scale_of(const std::vector<float>& scales, int head) {
  if (scales.empty()) return 1;
  return scales.size() == 1 ? scales[0] : scales[static_cast<size_t>(head)];
}

}  // namespace

uint32_t stored_bits(Type from, uint32_t bits, Type to, float scale) {
  if (from == to && !is_fp8(to)) return bits;
  return encode_scaled(to, static_cast<float>(decode_bits(from, bits)), scale);
}

void write_cache(const CacheWrite& write) {
  for (size_t token = 0; token < write.slot_mapping.size(); ++token) {
    const int64_t slot = write.slot_mapping[token];
    if (slot < 0) continue;
    const int64_t block = slot / write.block_size;
    const int64_t row = slot % write.block_size;
    for (int head = 0; head < write.num_kv_heads; ++head) {
      for (int64_t d = 0; d < write.head_size; ++d) {
        const int64_t from = static_cast<int64_t>(token) * write.key.token_stride + head * write.key.head_stride + d;
        const uint32_t bits = load_bits(write.key.type, write.key.data, from);
        store_bits(write.key_cache.type, const_cast<void*>(write.key_cache.data),
                   key_element(write.key_cache, write.layout, block, row, head, d),
                   stored_bits(write.key.type, bits, write.key_cache.type, scale_of(write.k_scales, head)));
      }
      for (int64_t d = 0; d < write.head_size_v; ++d) {
        const int64_t from = static_cast<int64_t>(token) * write.value.token_stride + head * write.value.head_stride + d;
        const uint32_t bits = load_bits(write.value.type, write.value.data, from);
        store_bits(write.value_cache.type, const_cast<void*>(write.value_cache.data),
                   value_element(write.value_cache, write.layout, block, row, head, d),
                   stored_bits(write.value.type, bits, write.value_cache.type, scale_of(write.v_scales, head)));
      }
    }
  }
}

}  // namespace fovea_reference
