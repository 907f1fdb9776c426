// The ways through the attention kernels on one tile, f16 and head size 64 with all features: for sanitizer builds, in which more
// tiles would take too long to compile.
#include <gtest/gtest.h>

#include "tests/simt/attention_case.h"

namespace fovea::hip::host {
namespace {

AttentionCase case_of(std::vector<SequenceShape> sequences) {
  AttentionCase c;
  c.type = DataType::kF16;
  c.head_size = 64;
  c.sequences = std::move(sequences);
  return c;
}

TEST(OneTile, all_kinds) {
  AttentionCase c = case_of({{1, 90}, {3, 40}, {16, 75}, {70, 100}, {0, 0}, {1, 0}});
  c.sinks = true;
  for (const bool vectorized : {false, true}) {
    c.vectorized = vectorized;
    c.causal = !vectorized;
    check_case(c);
  }
}

TEST(OneTile, splits_are_merged) {
  AttentionCase c = case_of({{1, 700}, {16, 333}, {1, 64}, {0, 0}});
  c.target = 9;
  c.output_type = DataType::kF32;
  check_case(c);
}

TEST(OneTile, padded_head) {
  AttentionCase c = case_of({{1, 50}, {20, 61}, {40, 40}});
  c.head_size = 40;
  c.head_size_v = 56;
  c.num_query_heads = 3;
  c.num_kv_heads = 1;
  c.block_size = 48;
  check_case(c);
}

TEST(OneTile, keys_of_the_step_and_a_window) {
  AttentionCase c = case_of({{16, 150}, {13, 80}, {40, 40}});
  c.causal = false;
  c.window_left = 20;
  c.window_right = 3;
  c.dense = true;
  check_case(c);
}

TEST(OneTile, soft_cap_and_alibi) {
  AttentionCase c = case_of({{1, 90}, {16, 75}, {70, 100}});
  c.softcap = 3;
  c.query_factor = 4;
  c.alibi = Alibi::kSqrt;
  check_case(c);
}

TEST(OneTile, prefix_ranges) {
  AttentionCase c = case_of({{10, 60, -1, {{48, 70}}}, {40, 100, -1, {{0, 5}, {30, 66}, {70, 70}}}, {90, 90, -1, {{3, 50}, {60, 200}}}});
  c.prefix_ranges = PrefixRanges::kWindowed;
  c.window_left = 12;
  for (const bool vectorized : {false, true}) {
    c.vectorized = vectorized;
    check_case(c);
  }
}

TEST(OneTile, sequences_of_both_kinds) {
  AttentionCase c = case_of({{1, 90, 0}, {16, 75, 1}, {16, 75, 0}, {70, 100, 1}});
  check_case(c);
}

}  // namespace
}  // namespace fovea::hip::host
