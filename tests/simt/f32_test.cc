// f32 queries, keys and values: every mask, layout and feature with the kernels of f32, at a tolerance that shows whether anything
// was rounded to fewer bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/simt/attention_case.h"

namespace fovea::hip::host {
namespace {

const std::vector<SequenceShape> kMixed = {{1, 90}, {3, 40}, {16, 75}, {70, 100}, {0, 0}};

AttentionCase f32_case(std::vector<SequenceShape> sequences = kMixed) {
  AttentionCase c;
  c.sequences = std::move(sequences);
  c.type = DataType::kF32;
  return c;
}

// --- masks, by the number of rows ----------------------------------------------------------------------------------------

TEST(F32, decode) {
  AttentionCase c = f32_case({{1, 40}, {1, 1}, {0, 0}, {1, 130}, {1, 0}, {0, 7}, {1, 64}, {1, 65}});
  c.sinks = true;
  check_case(c);
  c.window_left = 37;
  c.block_size = 48;
  check_case(c);
}

TEST(F32, decode_split) {
  AttentionCase c = f32_case({{1, 700}, {1, 1}, {1, 333}, {3, 64}, {0, 0}, {1, 128}});
  c.target = 9;
  c.sinks = true;
  check_case(c);
}

TEST(F32, decode_of_fixed_chunks) {
  AttentionCase c = f32_case({{1, 2500}, {1, 1024}, {1, 1025}});
  c.num_query_heads = 2;
  c.num_kv_heads = 1;
  c.batch_invariant = true;
  check_case(c);
}

TEST(F32, draft_block) {
  AttentionCase c = f32_case({{16, 150}, {16, 16}, {0, 0}, {9, 137}});
  c.num_query_heads = 8;
  for (const bool causal : {false, true}) {
    c.causal = causal;
    check_case(c);
  }
  c.causal = false;
  c.window_left = 20;
  c.window_right = 3;
  c.dense = true;
  check_case(c);
}

TEST(F32, draft_block_split) {
  AttentionCase c = f32_case({{16, 500}, {12, 210}, {1, 300}});
  c.num_kv_heads = 1;
  c.causal = false;
  c.target = 6;
  check_case(c);
}

TEST(F32, prefill) {
  AttentionCase c = f32_case({{150, 150}, {70, 133}, {0, 0}});
  for (const bool causal : {true, false}) {
    c.causal = causal;
    check_case(c);
  }
  c.window_left = 30;
  c.window_right = 17;
  check_case(c);
}

TEST(F32, mixed_batch_with_own_flags) {
  AttentionCase c = f32_case({{1, 50, 1}, {16, 60, 0}, {16, 60, 1}, {80, 90, 0}, {80, 90, 1}, {3, 40, 0}, {30, 17, 1}, {100, 20, 0}});
  c.target = 4;
  check_case(c);
}

TEST(F32, encoder) {
  AttentionCase c = f32_case({{5, 5}, {40, 40}, {70, 70}});
  c.attention_type = AttentionType::kEncoder;
  c.dense = true;
  check_case(c);
}

TEST(F32, encoder_decoder) {
  AttentionCase c = f32_case({{5, 50}, {40, 20}, {70, 33}});
  c.attention_type = AttentionType::kEncoderDecoder;
  check_case(c);
}

// --- memory --------------------------------------------------------------------------------------------------------------

TEST(F32, vectorized) {
  AttentionCase c = f32_case({{1, 100}, {3, 35}, {16, 77}, {70, 133}});
  c.vectorized = true;
  c.block_size = 32;
  check_case(c);
  c.window_left = 21;
  c.block_size = 48;
  check_case(c);
}

TEST(F32, dense_after_context) {
  AttentionCase c = f32_case({{1, 65}, {4, 36}, {2, 64}, {81, 140}, {65, 65}});
  c.sinks = true;
  for (const bool vectorized : {false, true}) {
    c.dense = true;
    c.vectorized = vectorized;
    check_case(c);
  }
}

TEST(F32, head_sizes) {
  AttentionCase c = f32_case();
  c.num_query_heads = 3;
  c.num_kv_heads = 1;
  for (const int head_size : {8, 64, 80, 96, 120, 200, 256}) {
    c.head_size = head_size;
    c.vectorized = head_size == 80 || head_size == 200;
    c.causal = head_size != 64;
    c.target = head_size == 256 ? 5 : 0;
    SCOPED_TRACE(head_size);
    check_case(c);
    if (HasFatalFailure()) return;
  }
}

TEST(F32, values_of_another_size) {
  AttentionCase c = f32_case({{1, 70}, {20, 75}});
  c.head_size = 120;
  c.head_size_v = 104;
  check_case(c);
  c.head_size = 64;
  c.head_size_v = 192;
  c.vectorized = true;
  check_case(c);
}

TEST(F32, outputs) {
  AttentionCase c = f32_case();
  c.head_size = 64;
  for (const DataType type : {DataType::kF16, DataType::kBF16, DataType::kE4M3FN, DataType::kE4M3FNUZ, DataType::kE5M2}) {
    c.output_type = type;
    c.output_scale = type == DataType::kE4M3FN ? 0.25f : 1;
    check_case(c);
  }
}

// --- features ------------------------------------------------------------------------------------------------------------

TEST(F32, softcap) {
  AttentionCase c = f32_case();
  c.softcap = 3;
  c.query_factor = 4;
  c.sinks = true;
  check_case(c);
}

TEST(F32, alibi) {
  AttentionCase c = f32_case();
  c.target = 4;
  for (const Alibi alibi : {Alibi::kLinear, Alibi::kSqrt}) {
    c.alibi = alibi;
    c.causal = !c.causal;
    check_case(c);
  }
}

TEST(F32, prefix_ranges) {
  AttentionCase c = f32_case({{1, 90, -1, {{10, 20}}},
                              {10, 60, -1, {{48, 70}}},
                              {40, 100, -1, {{0, 5}, {30, 66}, {70, 70}, {80, 99}}},
                              {90, 90, -1, {{3, 50}, {60, 200}}}});
  c.prefix_ranges = PrefixRanges::kFull;
  check_case(c);
  c.window_left = 12;
  check_case(c);
  c.vectorized = true;
  check_case(c);
  c.prefix_ranges = PrefixRanges::kWindowed;
  c.dense = true;
  check_case(c);
}

// --- how fine the tolerance is ---------------------------------------------------------------------------------------------

// Queries and keys as TF32 would have them, ten bits of mantissa, come out of the reference so far from the whole ones that
// AttentionProblem::check would not pass it.
TEST(F32, the_tolerance_tells_tf32) {
  AttentionCase c = f32_case();
  c.num_query_heads = c.num_kv_heads = 1;
  const AttentionProblem problem(c);
  fovea_reference::Problem rounded = problem.reference();
  const auto tokens = rounded.num_tokens();
  std::vector<uint32_t> query(static_cast<size_t>(rounded.query.token_stride * tokens));
  std::memcpy(query.data(), rounded.query.data, query.size() * 4);
  for (uint32_t& bits : query) bits = (bits + 0xfffu + (bits >> 13 & 1u)) & ~0x1fffu;
  rounded.query.data = query.data();
  const fovea_reference::Result whole = fovea_reference::attention(problem.reference());
  const fovea_reference::Result tf32 = fovea_reference::attention(rounded);
  double difference = 0;
  for (size_t i = 0; i < whole.out.size(); ++i) difference = std::max(difference, std::abs(whole.out[i] - tf32.out[i]));
  EXPECT_GT(difference, 5e-5);
}

}  // namespace
}  // namespace fovea::hip::host
