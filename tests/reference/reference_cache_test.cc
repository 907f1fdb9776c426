// Addresses in both cache layouts, and the cache write.
#include "tests/reference/reference_cache.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace fovea_reference {
namespace {

TEST(Layouts, StridedAddresses) {
  // [num_blocks 3, block_size 16, heads 2, head_size 8], contiguous.
  const Cache cache = {nullptr, Type::kF16, {256, 16, 8, 1, 0}};
  EXPECT_EQ(key_element(cache, Layout::kStrided, 2, 3, 1, 5), 2 * 256 + 3 * 16 + 8 + 5);
  EXPECT_EQ(value_element(cache, Layout::kStrided, 2, 3, 1, 5), 2 * 256 + 3 * 16 + 8 + 5);
}

TEST(Layouts, VectorisedAddresses) {
  // f16: x = 8. Key [blocks, heads 2, 16/8 = 2, block_size 16, 8]; value [blocks, heads 2, head_size 16, block_size 16].
  const Cache key = {nullptr, Type::kF16, {512, 256, 128, 8, 1}};
  EXPECT_EQ(key_element(key, Layout::kVectorized, 1, 3, 1, 10), 512 + 256 + 128 + 3 * 8 + 2);
  const Cache value = {nullptr, Type::kF16, {512, 256, 16, 1, 0}};
  EXPECT_EQ(value_element(value, Layout::kVectorized, 1, 3, 1, 10), 512 + 256 + 10 * 16 + 3);
  // fp8: x = 16, f32: x = 4.
  const Cache fp8 = {nullptr, Type::kE5M2, {512, 256, 256, 16, 1}};
  EXPECT_EQ(key_element(fp8, Layout::kVectorized, 0, 3, 1, 10), 256 + 3 * 16 + 10);
  const Cache f32 = {nullptr, Type::kF32, {512, 256, 64, 4, 1}};
  EXPECT_EQ(key_element(f32, Layout::kVectorized, 0, 3, 0, 10), 2 * 64 + 3 * 4 + 2);
}

TEST(Write, SlotsScalesAndSkippedTokens) {
  // Two heads of one element, three tokens: slots 17, skip, 0, fp8 cache, scales per head.
  CacheWrite write;
  write.num_kv_heads = 2;
  const std::vector<float> key = {1, 2, 9, 9, 3, 4};
  const std::vector<float> value = {-1, -2, 9, 9, -3, -1000};
  write.key = {key.data(), Type::kF32, 2, 1};
  write.value = {value.data(), Type::kF32, 2, 1};
  std::vector<uint8_t> key_cache(64, 0xee), value_cache(64, 0xee);
  write.key_cache = {key_cache.data(), Type::kE4M3FN, {32, 2, 1, 1, 0}};
  write.value_cache = {value_cache.data(), Type::kE4M3FN, {32, 2, 1, 1, 0}};
  write.slot_mapping = {17, -1, 0};
  write.k_scales = {1, 2};
  write.v_scales = {0.5f, 1};
  write_cache(write);
  std::vector<uint8_t> expected_key(64, 0xee), expected_value(64, 0xee);
  expected_key[34] = 0x38;    // 1 / 1
  expected_key[35] = 0x38;    // 2 / 2
  expected_key[0] = 0x44;     // 3 = 1.5 * 2
  expected_key[1] = 0x40;     // 4 / 2
  expected_value[34] = 0xc0;  // -1 / 0.5
  expected_value[35] = 0xc0;
  expected_value[0] = 0xcc;   // -6 = -1.5 * 4
  expected_value[1] = 0xfe;   // saturates at -448
  EXPECT_EQ(key_cache, expected_key);
  EXPECT_EQ(value_cache, expected_value);
}

TEST(Write, EqualTypesKeepTheirBits) {
  EXPECT_EQ(stored_bits(Type::kF16, 0x7e01, Type::kF16, 1), 0x7e01u);  // a NaN with a payload
  EXPECT_EQ(stored_bits(Type::kF16, 0x3c00, Type::kE5M2, 2), 0x38u);   // 1 / 2
}

}  // namespace
}  // namespace fovea_reference
