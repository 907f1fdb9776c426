// Configurations: defaults that follow from others, contradictions, and the line that describes one.
#include "impl/config.h"

#include <gtest/gtest.h>

#include <cmath>

#include "impl/backend/registry.h"
#include "impl/error.h"

namespace fovea {
namespace {

LayerConfig complete() {
  LayerConfig config;
  config.num_query_heads = 32;
  config.num_kv_heads = 8;
  config.head_size = 128;
  config.query_type = FOVEA_DATA_TYPE_BF16;
  return config;
}

std::vector<foveaReason_t> codes_of(const LayerConfig& config) {
  Reasons reasons;
  check_config(config, &reasons);
  std::vector<foveaReason_t> codes;
  for (const Reason& reason : reasons.list()) codes.push_back(reason.code);
  return codes;
}

TEST(LayerConfig, DefaultsFollowTheQuery) {
  LayerConfig config = complete();
  EXPECT_EQ(config.value_size(), 128);
  EXPECT_EQ(config.dense_type(), FOVEA_DATA_TYPE_BF16);
  EXPECT_EQ(config.cache_type(), FOVEA_DATA_TYPE_BF16);
  EXPECT_EQ(config.result_type(), FOVEA_DATA_TYPE_BF16);
  EXPECT_FLOAT_EQ(config.effective_scale(), 1.0f / std::sqrt(128.0f));
  config.query_type = FOVEA_DATA_TYPE_F8_E5M2;
  EXPECT_EQ(config.dense_type(), FOVEA_DATA_TYPE_BF16);
  EXPECT_EQ(config.cache_type(), FOVEA_DATA_TYPE_F8_E5M2);
  EXPECT_EQ(config.result_type(), FOVEA_DATA_TYPE_BF16);
  config.output_type = FOVEA_DATA_TYPE_F8_E4M3FN;
  EXPECT_EQ(config.result_type(), FOVEA_DATA_TYPE_F8_E4M3FN);
  config.scale = 0.5f;
  EXPECT_EQ(config.effective_scale(), 0.5f);
}

TEST(LayerConfig, IncompleteOnesSayWhatIsMissing) {
  Reasons reasons;
  EXPECT_FALSE(check_config(LayerConfig(), &reasons));
  ASSERT_EQ(reasons.list().size(), 3u);
  for (const Reason& reason : reasons.list()) EXPECT_EQ(reason.code, FOVEA_REASON_INCOMPLETE_CONFIG);
  const std::string all = reasons.joined("; ");
  EXPECT_NE(all.find("foveaConfigSetHeads)"), std::string::npos);
  EXPECT_NE(all.find("foveaConfigSetHeadSizes)"), std::string::npos);
  EXPECT_NE(all.find("foveaConfigSetDataTypes)"), std::string::npos);
  EXPECT_TRUE(codes_of(complete()).empty());
}

TEST(LayerConfig, ContradictionsAreFound) {
  using Change = void (*)(LayerConfig&);
  const std::pair<const char*, Change> contradictions[] = {
      {"window", [](LayerConfig& c) { c.attention_type = FOVEA_ATTENTION_ENCODER_DECODER, c.window_left = 3; }},
      {"window", [](LayerConfig& c) { c.attention_type = FOVEA_ATTENTION_ENCODER_DECODER, c.window_right = 0; }},
      {"alibi", [](LayerConfig& c) { c.attention_type = FOVEA_ATTENTION_ENCODER_DECODER, c.alibi = FOVEA_ALIBI_SQRT; }},
      {"prefix ranges",
       [](LayerConfig& c) {
         c.attention_type = FOVEA_ATTENTION_ENCODER_DECODER, c.prefix_ranges = FOVEA_PREFIX_RANGES_FULL;
       }},
      {"causal flags per sequence", [](LayerConfig& c) { c.per_sequence_causal = true; }},
      {"causal flags per sequence",
       [](LayerConfig& c) { c.per_sequence_causal = c.non_causal = true, c.attention_type = FOVEA_ATTENTION_ENCODER; }},
      {"causal flags per sequence",
       [](LayerConfig& c) {
         c.per_sequence_causal = c.non_causal = true, c.attention_type = FOVEA_ATTENTION_ENCODER_DECODER;
       }},
      {"KV scales", [](LayerConfig& c) { c.kv_scales = FOVEA_KV_SCALES_PER_TENSOR; }},
      {"KV scales",
       [](LayerConfig& c) {
         c.kv_scales = FOVEA_KV_SCALES_PER_HEAD, c.kv_cache_type = FOVEA_DATA_TYPE_F8_E5M2,
         c.attention_type = FOVEA_ATTENTION_ENCODER;
       }},
  };
  for (const auto& [word, change] : contradictions) {
    LayerConfig config = complete();
    change(config);
    Reasons reasons;
    EXPECT_TRUE(check_config(config, &reasons));
    ASSERT_EQ(reasons.list().size(), 1u) << word;
    EXPECT_EQ(reasons.list()[0].code, FOVEA_REASON_CONTRADICTION);
    EXPECT_NE(reasons.list()[0].sentence.find(word), std::string::npos) << reasons.list()[0].sentence;
  }

  LayerConfig fine = complete();
  fine.per_sequence_causal = fine.non_causal = true;
  fine.kv_scales = FOVEA_KV_SCALES_PER_HEAD;
  fine.kv_cache_type = FOVEA_DATA_TYPE_F8_E4M3FNUZ;
  fine.prefix_ranges = FOVEA_PREFIX_RANGES_WINDOWED;  // with an open window the same as full
  EXPECT_TRUE(codes_of(fine).empty());
}

TEST(LayerConfig, TheCpuBackendCollectsAllReasonsInOrder) {
  LayerConfig config = complete();
  config.head_size = 300;
  config.head_size_v = 7;
  config.block_size = 24;
  config.per_sequence_causal = true;
  Reasons reasons;
  check_support(*find_backend(registry(), FOVEA_BACKEND_CPU_ATTN), nullptr, config, &reasons);
  ASSERT_EQ(reasons.list().size(), 4u) << reasons.joined("\n");
  EXPECT_EQ(reasons.list()[0].sentence, "head_size not supported: head_size 300 is above 256");
  EXPECT_EQ(reasons.list()[1].sentence, "head_size not supported: head_size_v 7 is below 8");
  EXPECT_EQ(reasons.list()[2].sentence, "block_size not supported: block_size 24 is not a multiple of 16");
  EXPECT_EQ(reasons.list()[3].code, FOVEA_REASON_CONTRADICTION);
}

TEST(LayerConfig, VectorizedCachesNeedWholeGroupsOfTheHead) {
  LayerConfig config = complete();
  config.layout = FOVEA_KV_CACHE_LAYOUT_VECTORIZED;
  config.head_size = 40;  // x is 8 for bf16, 16 for fp8
  Reasons bf16, fp8;
  check_support(*find_backend(registry(), FOVEA_BACKEND_CPU_ATTN), nullptr, config, &bf16);
  EXPECT_TRUE(bf16.empty()) << bf16.joined("\n");
  config.kv_cache_type = FOVEA_DATA_TYPE_F8_E4M3FN;
  check_support(*find_backend(registry(), FOVEA_BACKEND_CPU_ATTN), nullptr, config, &fp8);
  ASSERT_EQ(fp8.list().size(), 1u);
  EXPECT_EQ(fp8.list()[0].code, FOVEA_REASON_KV_CACHE_LAYOUT);
}

TEST(LayerConfig, DescribesItselfOnOneLine) {
  LayerConfig config = complete();
  EXPECT_EQ(
      config.describe(),
      "decoder, 32 query heads, 8 KV heads, head_size 128, query bf16, kv_cache bf16 strided, block_size 16, output "
      "bf16");
  config.window_left = 127;
  config.softcap = 50;
  config.sinks = config.non_causal = true;
  const std::string text = config.describe();
  EXPECT_NE(text.find("window (127, -1), soft cap 50, sinks, non-causal"), std::string::npos) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace fovea
