// Cache writes: where each element lands in both layouts, what stays untouched, scales per head.
#include <cstring>

#include "tests/kernels/cpu/cpu_test_support.h"

namespace fovea::cpu::testing {
namespace {

class KvWriteTest : public CpuKernels {};

struct WriteCase {
  DataType dense;
  DataType cache;
  CacheLayout layout;
  KvScales scales;
  int32_t head_size;
  int32_t head_size_v;
};

constexpr int32_t kHeads = 3;
constexpr int32_t kBlockSize = 16;
constexpr int32_t kBlocks = 4;
constexpr unsigned char kPoison = 0xa5;

// A cache with gaps: between rows, heads and blocks, and before the first element.
struct PaddedCache {
  std::vector<unsigned char> bytes;
  Cache view = {};
  int64_t start = 5;

  PaddedCache(const WriteCase& c, bool is_value) {
    const int32_t size = is_value ? c.head_size_v : c.head_size;
    const auto x = static_cast<int64_t>(16 / size_of(c.cache));
    if (c.layout == CacheLayout::kStrided) {
      view.row_stride = size + 3;
      view.head_stride = kBlockSize * view.row_stride + 7;
      view.block_stride = kHeads * view.head_stride + 11;
    } else {
      view.group_stride = is_value ? kBlockSize : kBlockSize * x;
      view.row_stride = is_value ? 1 : x;
      view.head_stride = view.group_stride * (is_value ? size : size / x) + 9;
      view.block_stride = kHeads * view.head_stride + 13;
    }
    view.num_blocks = kBlocks;
    bytes.assign(static_cast<size_t>(start + kBlocks * view.block_stride + 32) * size_of(c.cache), kPoison);
    view.data = bytes.data() + start * static_cast<int64_t>(size_of(c.cache));
  }

  // Element index in `bytes`.
  size_t at(const WriteCase& c, bool is_value, int64_t slot, int32_t head, int32_t d) const {
    const int64_t block = slot / kBlockSize;
    const int64_t row = slot % kBlockSize;
    const int64_t base = start + block * view.block_stride + head * view.head_stride;
    if (c.layout == CacheLayout::kStrided) return static_cast<size_t>(base + row * view.row_stride + d);
    if (is_value) return static_cast<size_t>(base + d * view.group_stride + row);
    const auto x = static_cast<int64_t>(16 / size_of(c.cache));
    return static_cast<size_t>(base + d / x * view.group_stride + row * x + d % x);
  }
};

void check_write(const KernelTable& table, const WriteCase& c) {
  const std::vector<int64_t> slots = {0, 17, -1, 63, 5, -7, 32, 31};
  const auto tokens = static_cast<int32_t>(slots.size());
  const float scales[2][kHeads] = {{0.5f, 0.3f, 1.7f}, {1.0f, 0.11f, 2.5f}};
  std::mt19937 random(11);
  std::normal_distribution<float> normal;

  // Dense rows are slices of one packed tensor.
  const int64_t row_stride = kHeads * (c.head_size + c.head_size_v) + 8;
  std::vector<unsigned char> dense(static_cast<size_t>(tokens * row_stride) * size_of(c.dense));
  for (size_t i = 0; i < static_cast<size_t>(tokens * row_stride); ++i) set_element(c.dense, dense.data(), i, normal(random));
  const int64_t value_offset = int64_t{kHeads} * c.head_size;

  PaddedCache keys(c, false);
  PaddedCache values(c, true);
  KvWrite write = {};
  write.layer = plain_layer(kHeads, kHeads, c.head_size, c.head_size_v, kBlockSize);
  write.layer.dense_type = c.dense;
  write.layer.cache_type = c.cache;
  write.layer.cache_layout = c.layout;
  write.layer.kv_scales = c.scales;
  write.key = {dense.data(), row_stride, c.head_size};
  write.value = {dense.data() + value_offset * static_cast<int64_t>(size_of(c.dense)), row_stride, c.head_size_v};
  write.key_cache = keys.view;
  write.value_cache = values.view;
  write.slot_mapping = slots.data();
  write.num_tokens = tokens;
  if (c.scales != KvScales::kNone) {
    write.k_scale = scales[0];
    write.v_scale = scales[1];
  }
  write_kv(table, write, threads(2));

  for (const bool is_value : {false, true}) {
    PaddedCache expected(c, is_value);
    const int32_t size = is_value ? c.head_size_v : c.head_size;
    for (int32_t i = 0; i < tokens; ++i) {
      const int64_t slot = slots[static_cast<size_t>(i)];
      if (slot < 0) continue;
      for (int32_t h = 0; h < kHeads; ++h) {
        const float scale = c.scales == KvScales::kNone        ? 1.0f
                            : c.scales == KvScales::kPerTensor ? scales[is_value][0]
                                                               : scales[is_value][h];
        for (int32_t d = 0; d < size; ++d) {
          const auto from = static_cast<size_t>(i * row_stride + (is_value ? value_offset : 0) + h * size + d);
          const auto x = static_cast<float>(element(c.dense, dense.data(), from));
          set_element(c.cache, expected.bytes.data(), expected.at(c, is_value, slot, h, d), x / scale);
        }
      }
    }
    const PaddedCache& actual = is_value ? values : keys;
    for (size_t i = 0; i < expected.bytes.size(); ++i) {
      ASSERT_EQ(actual.bytes[i], expected.bytes[i])
          << (is_value ? "value" : "key") << " cache byte " << i << ", " << name_of(c.dense) << " to " << name_of(c.cache)
          << (c.layout == CacheLayout::kStrided ? " strided" : " vectorized") << " head_size " << size;
    }
  }
}

TEST_P(KvWriteTest, PlacesEveryElementAndNothingElse) {
  for (const DataType dense : {DataType::kF32, DataType::kF16, DataType::kBF16}) {
    for (const DataType cache : {DataType::kF32, DataType::kF16, DataType::kBF16, DataType::kE4M3FN, DataType::kE4M3FNUZ,
                                 DataType::kE5M2}) {
      for (const CacheLayout layout : {CacheLayout::kStrided, CacheLayout::kVectorized}) {
        for (const KvScales scales : {KvScales::kNone, KvScales::kPerTensor, KvScales::kPerHead}) {
          for (const int32_t head_size : {16, 80, 256}) {
            ASSERT_NO_FATAL_FAILURE(check_write(table(), {dense, cache, layout, scales, head_size, head_size}));
          }
          ASSERT_NO_FATAL_FAILURE(check_write(table(), {dense, cache, layout, scales, 192, 128}));
        }
      }
    }
  }
}

TEST_P(KvWriteTest, EqualTypesAreCopiedBitByBit) {
  // A signalling NaN and a subnormal survive a write that changes nothing.
  uint32_t bits[8] = {0x7f800001u, 0x00000001u, 0x80000000u, 0xffc12345u, 0x7f800000u, 0x3f800000u, 0x807fffffu, 0u};
  uint32_t key[8] = {};
  uint32_t value[8] = {};
  const int64_t slot = 0;
  KvWrite write = {};
  write.layer = plain_layer(1, 1, 8, 8, 16);
  write.key = write.value = {bits, 8, 8};
  write.key_cache = {key, 1, 128, 8, 8, 0};
  write.value_cache = {value, 1, 128, 8, 8, 0};
  write.slot_mapping = &slot;
  write.num_tokens = 1;
  write_kv(table(), write, threads(1));
  EXPECT_EQ(std::memcmp(key, bits, sizeof(bits)), 0);
  EXPECT_EQ(std::memcmp(value, bits, sizeof(bits)), 0);
}

TEST_P(KvWriteTest, NoTokensWriteNothing) {
  float cache[128];
  std::memset(cache, kPoison, sizeof(cache));
  std::vector<float> expected(cache, cache + 128);
  KvWrite write = {};
  write.layer = plain_layer(1, 1, 8, 8, 16);
  write.key_cache = {cache, 1, 128, 8, 8, 0};
  write.value_cache = write.key_cache;
  write_kv(table(), write, threads(2));
  EXPECT_EQ(std::memcmp(cache, expected.data(), sizeof(cache)), 0);
}

FOVEA_FOR_ALL_TABLES(KvWriteTest);

}  // namespace
}  // namespace fovea::cpu::testing
