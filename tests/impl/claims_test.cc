// A backend that claims nothing refuses everything, each thing in the words that engines know.
#include "impl/backend/claims.h"

#include <gtest/gtest.h>

namespace fovea {
namespace {

Claims claims_of_nothing() {
  Claims claims = {};
  claims.bounds[FOVEA_BOUNDS_HEAD_SIZE] = {64, 256, 1, 3, {64, 128, 256}};
  claims.bounds[FOVEA_BOUNDS_HEAD_SIZE_V] = {64, 256, 1, 3, {64, 128, 256}};
  claims.bounds[FOVEA_BOUNDS_BLOCK_SIZE] = {16, 64, 16, 0, {}};
  claims.bounds[FOVEA_BOUNDS_QUERY_HEADS_PER_KV_HEAD] = {1, 8, 1, 0, {}};
  return claims;
}

LayerConfig config_with_everything() {
  LayerConfig config;
  config.num_query_heads = 32;
  config.num_kv_heads = 2;
  config.head_size = 96;
  config.head_size_v = 80;
  config.query_type = FOVEA_DATA_TYPE_F16;
  config.kv_cache_type = FOVEA_DATA_TYPE_F8_E4M3FN;
  config.output_type = FOVEA_DATA_TYPE_F8_E5M2;
  config.layout = FOVEA_KV_CACHE_LAYOUT_VECTORIZED;
  config.block_size = 80;
  config.kv_scales = FOVEA_KV_SCALES_PER_HEAD;
  config.softcap = 30;
  config.window_left = 5;
  config.window_right = 5;
  config.alibi = FOVEA_ALIBI_LINEAR;
  config.prefix_ranges = FOVEA_PREFIX_RANGES_FULL;
  config.sinks = config.lse = config.non_causal = config.per_sequence_causal = config.batch_invariant = true;
  return config;
}

TEST(Claims, EveryRefusalHasItsSentence) {
  Reasons reasons;
  check_claims(config_with_everything(), claims_of_nothing(), &reasons);
  reasons.sort();
  std::vector<std::string> sentences;
  for (const Reason& reason : reasons.list()) sentences.push_back(reason.sentence);
  EXPECT_EQ(sentences, (std::vector<std::string>{
                           "head_size not supported: head_size 96 is none of 64, 128, 256",
                           "head_size not supported: head_size_v 80 is none of 64, 128, 256",
                           "head_size not supported: head_size_v 80 differs from head_size 96",
                           "dtype not supported: query f16",
                           "kv_cache_dtype not supported: f8_e4m3fn",
                           "block_size not supported: block_size 80 is above 64",
                           "partial multimodal token full attention not supported",
                           "attention sinks not supported",
                           "per-head quant scales not supported",
                           "attention type decoder not supported",
                           "sliding window not supported",
                           "sliding window not supported: right side",
                           "non-causal attention not supported",
                           "batch invariance not supported",
                           "logits soft cap not supported",
                           "alibi not supported",
                           "lse output not supported",
                           "per-sequence causal not supported",
                           "kv_cache layout not supported: vectorized",
                           "number of heads not supported: query heads per KV head 16 is above 8",
                           "output dtype not supported: f8_e5m2",
                       }));
}

TEST(Claims, WhatIsClaimedIsNotRefused) {
  Claims claims = claims_of_nothing();
  claims.capabilities = ~uint64_t{0};
  for (uint32_t& types : claims.data_types) types = ~0u;
  for (Bounds& bounds : claims.bounds) bounds = {1, 1 << 20, 1, 0, {}};
  Reasons reasons;
  check_claims(config_with_everything(), claims, &reasons);
  EXPECT_TRUE(reasons.empty()) << reasons.joined("\n");

  // One claim less, one reason more.
  for (int32_t c = 0; c < FOVEA_CAPABILITY_COUNT; ++c) {
    Claims less = claims;
    less.capabilities &= ~(uint64_t{1} << c);
    Reasons found;
    check_claims(config_with_everything(), less, &found);
    const bool asked = c != FOVEA_CAPABILITY_ALIBI_SQRT && c != FOVEA_CAPABILITY_PARTIAL_STATE &&
                       c != FOVEA_CAPABILITY_FP8_KV_CACHE && c != FOVEA_CAPABILITY_FP8_QUERY &&
                       c != FOVEA_CAPABILITY_FP8_OUTPUT && c != FOVEA_CAPABILITY_GRAPH_CAPTURE &&
                       c != FOVEA_CAPABILITY_ENCODER && c != FOVEA_CAPABILITY_ENCODER_DECODER;
    EXPECT_EQ(found.list().size(), asked ? 1u : 0u) << "capability " << c;
  }
}

TEST(Claims, TheRightSideOfAWindowCountsForNonCausalRowsOnly) {
  Claims claims = claims_of_nothing();
  claims.capabilities = ~(uint64_t{1} << FOVEA_CAPABILITY_SLIDING_WINDOW_RIGHT);
  for (uint32_t& types : claims.data_types) types = ~0u;
  for (Bounds& bounds : claims.bounds) bounds = {1, 1 << 20, 1, 0, {}};
  LayerConfig config = config_with_everything();
  const auto sentences = [&] {
    Reasons reasons;
    check_claims(config, claims, &reasons);
    return reasons.joined("; ");
  };
  EXPECT_EQ(sentences(), "sliding window not supported: right side");
  config.non_causal = config.per_sequence_causal = false;
  EXPECT_EQ(sentences(), "");
  config.attention_type = FOVEA_ATTENTION_ENCODER;
  EXPECT_EQ(sentences(), "sliding window not supported: right side");
}

TEST(Claims, Bounds) {
  const Bounds range = {16, 64, 16, 0, {}};
  EXPECT_TRUE(range.contains(16));
  EXPECT_TRUE(range.contains(48));
  EXPECT_FALSE(range.contains(0));
  EXPECT_FALSE(range.contains(40));
  EXPECT_FALSE(range.contains(80));
  const Bounds list = {16, 64, 1, 2, {16, 64}};
  EXPECT_TRUE(list.contains(64));
  EXPECT_FALSE(list.contains(32));
}

}  // namespace
}  // namespace fovea
