// fp8 caches of every flavour.
#include <gtest/gtest.h>

#include "tests/simt/attention_case.h"

namespace fovea::hip::host {
namespace {

const std::vector<SequenceShape> kMixed = {{1, 90}, {3, 40}, {16, 75}, {70, 100}, {0, 0}};

TEST(Fp8Cache, flavours) {
  AttentionCase c;
  c.sequences = kMixed;
  c.kv_scales = true;
  for (const DataType type : {DataType::kE4M3FN, DataType::kE4M3FNUZ, DataType::kE5M2}) {
    c.cache_type = type;
    c.target = type == DataType::kE5M2 ? 6 : 0;
    check_case(c);
  }
}

// Queries may be larger, or smaller, than any number of the type that they are multiplied in.
TEST(Fp8Cache, range_of_queries) {
  AttentionCase c;
  c.sequences = kMixed;
  c.kv_scales = true;
  c.dense = true;
  for (const float factor : {1e30f, 1e6f, 1e-6f, 1e-30f}) {
    c.query_factor = factor;
    for (const DataType type : {DataType::kE4M3FN, DataType::kE5M2}) {
      c.cache_type = type;
      check_case(c);
    }
  }
}

TEST(Fp8Cache, vectorized) {
  AttentionCase c;
  c.sequences = kMixed;
  c.kv_scales = true;
  c.cache_type = DataType::kE4M3FN;
  c.vectorized = true;
  c.window_left = 33;
  check_case(c);
}

TEST(Fp8Cache, dense) {
  AttentionCase c;
  c.sequences = kMixed;
  c.kv_scales = true;
  c.cache_type = DataType::kE4M3FN;
  c.dense = true;
  check_case(c);
}

TEST(Fp8Cache, softcap_and_prefix_ranges) {
  AttentionCase c;
  c.sequences = {{5, 60, -1, {{48, 70}}}, {90, 90, -1, {{3, 50}, {60, 200}}}};
  c.prefix_ranges = PrefixRanges::kFull;
  c.softcap = 5;
  c.kv_scales = true;
  c.cache_type = DataType::kE5M2;
  check_case(c);
}

TEST(Fp8Cache, rows_of_eight_bytes) {
  AttentionCase c;
  c.sequences = kMixed;
  c.type = DataType::kF16;
  c.cache_type = DataType::kE4M3FN;
  for (const int head_size : {72, 96}) {
    c.head_size = head_size;
    check_case(c);
  }
}

}  // namespace
}  // namespace fovea::hip::host
