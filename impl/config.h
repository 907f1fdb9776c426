// What one attention layer needs, as the setters of foveaConfig_t wrote it down.
#pragma once

#include <string>

#include "fovea/fovea.h"
#include "impl/object.h"
#include "impl/reasons.h"

namespace fovea {

struct LayerConfig {
  int32_t num_query_heads = 0;
  int32_t num_kv_heads = 0;
  int32_t head_size = 0;
  int32_t head_size_v = 0;  // 0 = head_size
  foveaDataType_t query_type = FOVEA_DATA_TYPE_NONE;
  foveaDataType_t kv_cache_type = FOVEA_DATA_TYPE_NONE;  // none = query_type
  foveaDataType_t output_type = FOVEA_DATA_TYPE_NONE;    // none = query_type, bf16 if that is fp8
  foveaAttentionType_t attention_type = FOVEA_ATTENTION_DECODER;
  foveaKvCacheLayout_t layout = FOVEA_KV_CACHE_LAYOUT_STRIDED;
  int32_t block_size = 16;
  foveaKvScales_t kv_scales = FOVEA_KV_SCALES_NONE;
  float scale = 0;  // 0 = 1 / sqrt(head_size)
  float softcap = 0;
  int32_t window_left = -1;
  int32_t window_right = -1;
  foveaAlibi_t alibi = FOVEA_ALIBI_NONE;
  foveaPrefixRanges_t prefix_ranges = FOVEA_PREFIX_RANGES_NONE;
  bool sinks = false;
  bool lse = false;
  bool non_causal = false;
  bool per_sequence_causal = false;
  bool batch_invariant = false;

  // With the defaults filled in.
  int32_t value_size() const { return head_size_v == 0 ? head_size : head_size_v; }
  foveaDataType_t dense_type() const;
  foveaDataType_t cache_type() const { return kv_cache_type == FOVEA_DATA_TYPE_NONE ? query_type : kv_cache_type; }
  foveaDataType_t result_type() const;
  float effective_scale() const;
  // Open where every row is causal, because those see no key to their right anyway.
  int32_t effective_window_right() const;
  bool has_cache() const { return attention_type != FOVEA_ATTENTION_ENCODER; }

  // One readable line, e.g. "decoder, 32 query heads, 8 KV heads, head_size 128, query bf16, ...".
  std::string describe() const;
};

// What is missing, and settings that exclude each other: wrong for every backend. Returns whether the rest of the
// configuration can be judged at all.
bool check_config(const LayerConfig& config, Reasons* reasons);

// Behind foveaConfig_t. A setter that fails changes nothing.
class Config : public Object {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kConfig;
  Config() : Object(kKind) {}

  const LayerConfig& layer() const { return layer_; }

  foveaStatus_t set_heads(int32_t num_query_heads, int32_t num_kv_heads);
  foveaStatus_t set_head_sizes(int32_t head_size, int32_t head_size_v);
  foveaStatus_t set_data_types(foveaDataType_t query, foveaDataType_t kv_cache, foveaDataType_t output);
  foveaStatus_t set_scale(float scale);
  foveaStatus_t set_sliding_window(int32_t left, int32_t right);
  foveaStatus_t set_logits_soft_cap(float cap);
  foveaStatus_t set_alibi(foveaAlibi_t alibi);
  foveaStatus_t set_prefix_ranges(foveaPrefixRanges_t kind);
  foveaStatus_t set_attention_type(foveaAttentionType_t type);
  foveaStatus_t set_kv_cache_layout(foveaKvCacheLayout_t layout, int32_t block_size);
  foveaStatus_t set_kv_scales(foveaKvScales_t granularity);
  foveaStatus_t set_sinks(int32_t enable) { return set_flag(enable, &layer_.sinks); }
  foveaStatus_t set_lse(int32_t enable) { return set_flag(enable, &layer_.lse); }
  foveaStatus_t set_non_causal(int32_t enable) { return set_flag(enable, &layer_.non_causal); }
  foveaStatus_t set_per_sequence_causal(int32_t enable) { return set_flag(enable, &layer_.per_sequence_causal); }
  foveaStatus_t set_batch_invariant(int32_t enable) { return set_flag(enable, &layer_.batch_invariant); }

 private:
  static foveaStatus_t set_flag(int32_t enable, bool* flag);

  LayerConfig layer_;
};

}  // namespace fovea
