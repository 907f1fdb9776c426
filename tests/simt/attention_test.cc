// The attention kernels end to end, plan and merge included: bf16, head size 128.
#include <gtest/gtest.h>

#include "tests/simt/attention_case.h"

namespace fovea::hip::host {
namespace {

// --- few rows: the kernel of 16 rows -------------------------------------------------------------------------------------

TEST(Attention, decode) {
  AttentionCase c;
  c.sequences = {{1, 40}, {1, 1}, {0, 0}, {1, 130}, {1, 0}, {0, 7}, {1, 64}, {1, 65}};
  c.sinks = true;
  check_case(c);
}

TEST(Attention, decode_with_a_window) {
  AttentionCase c;
  c.sequences = {{1, 300}, {1, 17}, {1, 145}};
  c.window_left = 63;
  c.block_size = 48;
  check_case(c);
}

TEST(Attention, verification) {
  AttentionCase c;
  c.sequences = {{5, 90}, {2, 2}, {4, 71}};
  c.num_query_heads = 3;
  c.num_kv_heads = 1;
  check_case(c);
}

TEST(Attention, decode_split) {
  AttentionCase c;
  c.sequences = {{1, 700}, {1, 1}, {1, 333}, {1, 64}, {0, 0}, {1, 128}};
  c.target = 9;
  c.sinks = true;
  c.output_type = DataType::kF32;
  check_case(c);
}

TEST(Attention, decode_of_fixed_chunks) {
  AttentionCase c;
  c.sequences = {{1, 2500}, {1, 1024}, {1, 1025}};
  c.num_query_heads = 2;
  c.num_kv_heads = 1;
  c.batch_invariant = true;
  check_case(c);
}

TEST(Attention, decode_vectorized) {
  AttentionCase c;
  c.sequences = {{1, 100}, {3, 35}, {1, 16}};
  c.vectorized = true;
  c.block_size = 32;
  check_case(c);
  c.window_left = 21;
  check_case(c);
}

TEST(Attention, decode_dense) {
  AttentionCase c;
  c.sequences = {{1, 65}, {1, 1}, {4, 36}, {2, 64}};
  c.dense = true;
  check_case(c);
}

// --- blocks of a draft: the kernel of 64 rows --------------------------------------------------------------------------

TEST(Attention, draft_block) {
  AttentionCase c;
  c.sequences = {{16, 150}, {16, 16}, {0, 0}, {9, 137}};
  c.num_query_heads = 8;
  c.num_kv_heads = 2;
  for (const bool causal : {false, true}) {
    c.causal = causal;
    check_case(c);
  }
}

TEST(Attention, draft_block_split) {
  AttentionCase c;
  c.sequences = {{16, 500}, {12, 210}, {1, 300}};
  c.num_query_heads = 4;
  c.num_kv_heads = 1;
  c.causal = false;
  c.target = 6;
  check_case(c);
}

TEST(Attention, draft_block_vectorized) {
  AttentionCase c;
  c.sequences = {{16, 77}, {15, 100}};
  c.causal = false;
  c.vectorized = true;
  check_case(c);
}

TEST(Attention, draft_block_with_windows) {
  AttentionCase c;
  c.sequences = {{16, 150}, {13, 80}};
  c.causal = false;
  c.window_left = 20;
  c.window_right = 3;
  c.dense = true;
  check_case(c);
}

// --- many rows: the kernel of 128 rows -----------------------------------------------------------------------------------

TEST(Attention, prefill) {
  AttentionCase c;
  c.sequences = {{150, 150}, {70, 133}, {0, 0}};
  for (const bool causal : {true, false}) {
    c.causal = causal;
    check_case(c);
  }
}

TEST(Attention, prefill_dense_after_context) {
  AttentionCase c;
  c.sequences = {{81, 140}, {65, 65}};
  c.dense = true;
  c.sinks = true;
  check_case(c);
}

TEST(Attention, prefill_vectorized_with_a_window) {
  AttentionCase c;
  c.sequences = {{100, 170}};
  c.vectorized = true;
  c.block_size = 48;
  c.window_left = 37;
  check_case(c);
}

TEST(Attention, prefill_with_windows_on_both_sides) {
  AttentionCase c;
  c.sequences = {{90, 130}, {80, 80}};
  c.causal = false;
  c.window_left = 30;
  c.window_right = 17;
  check_case(c);
}

// --- what else a batch may be ------------------------------------------------------------------------------------------

TEST(Attention, mixed_batch_with_own_flags) {
  AttentionCase c;
  c.sequences = {{1, 50, 1}, {16, 60, 0}, {16, 60, 1}, {80, 90, 0}, {80, 90, 1}, {3, 40, 0}};
  c.target = 4;
  check_case(c);
}

TEST(Attention, fewer_keys_than_rows) {
  AttentionCase c;
  c.sequences = {{10, 4}, {30, 17}, {100, 20}, {5, 0}};
  for (const bool causal : {true, false}) {
    c.causal = causal;
    check_case(c);
  }
}

TEST(Attention, encoder) {
  AttentionCase c;
  c.sequences = {{5, 5}, {40, 40}, {70, 70}};
  c.attention_type = AttentionType::kEncoder;
  c.dense = true;
  check_case(c);
}

TEST(Attention, encoder_decoder) {
  AttentionCase c;
  c.sequences = {{5, 50}, {40, 20}, {70, 33}};
  c.attention_type = AttentionType::kEncoderDecoder;
  check_case(c);
}

TEST(Attention, values_shorter_than_keys) {
  AttentionCase c;
  c.sequences = {{1, 70}, {20, 75}};
  c.head_size = 120;
  c.head_size_v = 104;
  check_case(c);
}

TEST(Attention, fp8_query_and_output) {
  AttentionCase c;
  c.sequences = {{1, 70}, {20, 75}};
  c.query_type = DataType::kE4M3FN;
  c.q_scale = 0.5f;
  c.output_type = DataType::kE4M3FN;
  c.output_scale = 0.25f;
  check_case(c);
}

}  // namespace
}  // namespace fovea::hip::host
