// Other data types and head sizes than those of attention_test.cc.
#include <gtest/gtest.h>

#include "tests/simt/attention_case.h"

namespace fovea::hip::host {
namespace {

const std::vector<SequenceShape> kMixed = {{1, 90}, {3, 40}, {16, 75}, {70, 100}, {0, 0}};

TEST(Sizes, f16_of_64) {
  AttentionCase c;
  c.sequences = kMixed;
  c.type = DataType::kF16;
  c.head_size = 64;
  check_case(c);
  c.vectorized = true;
  c.causal = false;
  check_case(c);
}

TEST(Sizes, padded_to_64) {
  AttentionCase c;
  c.sequences = kMixed;
  c.type = DataType::kF16;
  c.head_size = 40;
  c.num_query_heads = 3;
  c.num_kv_heads = 1;
  c.target = 5;
  check_case(c);
}

TEST(Sizes, padded_to_96) {
  AttentionCase c;
  c.sequences = kMixed;
  for (const int head_size : {72, 80, 96}) {
    c.head_size = head_size;
    c.vectorized = head_size == 80;
    check_case(c);
  }
}

TEST(Sizes, f16_of_256) {
  AttentionCase c;
  c.sequences = {{1, 70}, {9, 40}, {35, 60}};
  c.type = DataType::kF16;
  c.num_query_heads = 2;
  c.num_kv_heads = 1;
  for (const int head_size : {200, 256}) {
    c.head_size = head_size;
    c.vectorized = head_size == 256;
    c.causal = head_size == 256;
    check_case(c);
  }
}

}  // namespace
}  // namespace fovea::hip::host
