// The kernel that computes a whole batch in one launch: its items, its merge, and that it leaves its counters as they were.
#include <gtest/gtest.h>

#include "tests/simt/attention_case.h"

namespace fovea::hip::host {
namespace {

// Few and many workgroups: those that take all items in turns, and those that find none.
void check_unified(AttentionCase c) {
  for (const int workgroups : {1, 3, 8, 40}) {
    SCOPED_TRACE(std::to_string(workgroups) + " workgroups");
    c.unified = workgroups;
    check_case(c);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(Unified, mixed_batch) {
  AttentionCase c;
  c.sequences = {{1, 300}, {90, 130}, {1, 1}, {16, 200}, {0, 0}, {1, 64}, {140, 140}, {1, 0}, {5, 65}};
  c.sinks = true;
  check_unified(c);
}

TEST(Unified, mixed_batch_in_splits) {
  AttentionCase c;
  c.sequences = {{1, 700}, {70, 100}, {16, 500}, {1, 333}, {12, 12}};
  c.target = 6;
  check_unified(c);
}

TEST(Unified, decode_alone) {
  AttentionCase c;
  c.sequences = {{1, 500}, {1, 129}, {1, 64}, {0, 0}, {1, 1}};
  c.target = 9;
  c.output_type = DataType::kF32;
  check_unified(c);
}

TEST(Unified, prefill_alone) {
  AttentionCase c;
  c.sequences = {{150, 150}, {70, 133}, {0, 7}, {65, 65}};
  check_unified(c);
}

TEST(Unified, nothing_to_do) {
  AttentionCase c;
  c.sequences = {{0, 0}, {0, 30}};
  check_unified(c);
}

TEST(Unified, fewer_keys_than_rows) {
  AttentionCase c;
  c.sequences = {{10, 4}, {30, 17}, {100, 20}, {5, 0}};
  check_unified(c);
}

TEST(Unified, window_softcap_and_alibi) {
  AttentionCase c;
  c.sequences = {{1, 300}, {90, 130}, {20, 170}};
  c.window_left = 50;
  c.softcap = 20;
  c.alibi = Alibi::kLinear;
  c.target = 4;
  check_unified(c);
  c.alibi = Alibi::kSqrt;
  c.softcap = 0;
  check_unified(c);
}

TEST(Unified, dense_keys_of_the_step) {
  AttentionCase c;
  c.sequences = {{1, 80}, {90, 130}, {16, 16}, {3, 67}};
  c.dense = true;
  check_unified(c);
}

TEST(Unified, fp8_cache_query_and_output) {
  AttentionCase c;
  c.type = DataType::kF16;
  c.head_size = 64;
  c.cache_type = DataType::kE4M3FN;
  c.kv_scales = true;
  c.output_type = DataType::kE5M2;
  c.output_scale = 0.5f;
  c.sequences = {{1, 300}, {90, 130}, {16, 150}};
  c.target = 4;
  check_unified(c);
}

TEST(Unified, wide_heads) {
  AttentionCase c;
  c.type = DataType::kF16;
  c.head_size = 200;
  c.head_size_v = 184;
  c.sequences = {{1, 150}, {70, 100}, {9, 90}};
  c.target = 3;
  check_unified(c);
}

TEST(Unified, many_heads_and_uneven_groups) {
  AttentionCase c;
  c.num_query_heads = 15;
  c.num_kv_heads = 5;
  c.sequences = {{1, 257}, {6, 60}, {50, 120}};
  c.target = 3;
  check_unified(c);
}

// Every key is heard exactly once wherever the borders of tiles, splits and items lie.
TEST(Unified, needles) {
  AttentionCase c;
  c.num_query_heads = 2;
  c.num_kv_heads = 1;
  c.sequences = {{1, 260}, {70, 140}, {16, 200}};
  c.target = 4;
  c.unified = 5;
  for (const int key : {0, 63, 64, 127, 128, 139}) {
    for (int seq = 0; seq < 3; ++seq) {
      c.needles = {{seq, key}};
      check_case(c);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace fovea::hip::host
