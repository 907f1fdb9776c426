#include "impl/config.h"

#include <cmath>
#include <cstdio>

#include "impl/error.h"
#include "impl/names.h"

namespace fovea {
namespace {

constexpr int32_t kMaxQueryHeads = 65536;

std::string printed(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

}  // namespace

foveaDataType_t LayerConfig::dense_type() const { return is_fp8(query_type) ? FOVEA_DATA_TYPE_BF16 : query_type; }

foveaDataType_t LayerConfig::result_type() const {
  return output_type == FOVEA_DATA_TYPE_NONE ? dense_type() : output_type;
}

float LayerConfig::effective_scale() const {
  return scale > 0 ? scale : static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_size)));
}

int32_t LayerConfig::effective_window_right() const {
  const bool may_be_non_causal = non_causal || attention_type != FOVEA_ATTENTION_DECODER;
  return may_be_non_causal ? window_right : -1;
}

std::string LayerConfig::describe() const {
  std::string text = attention_type_name(attention_type);
  const auto add = [&text](const std::string& part) { text += ", " + part; };
  add(std::to_string(num_query_heads) + " query heads");
  add(std::to_string(num_kv_heads) + " KV heads");
  add("head_size " + std::to_string(head_size));
  if (value_size() != head_size) add("head_size_v " + std::to_string(value_size()));
  add(std::string("query ") + data_type_name(query_type));
  if (has_cache()) {
    add(std::string("kv_cache ") + data_type_name(cache_type()) + " " + layout_name(layout));
    add("block_size " + std::to_string(block_size));
  }
  add(std::string("output ") + data_type_name(result_type()));
  if (scale > 0) add("scale " + printed("%g", scale));
  if (kv_scales != FOVEA_KV_SCALES_NONE) add(std::string("KV scales ") + kv_scales_name(kv_scales));
  if (window_left >= 0 || window_right >= 0) {
    add("window (" + std::to_string(window_left) + ", " + std::to_string(window_right) + ")");
  }
  if (softcap > 0) add("soft cap " + printed("%g", softcap));
  if (alibi != FOVEA_ALIBI_NONE) add(std::string("alibi ") + alibi_name(alibi));
  if (prefix_ranges != FOVEA_PREFIX_RANGES_NONE) add(std::string("prefix ranges ") + prefix_ranges_name(prefix_ranges));
  if (sinks) add("sinks");
  if (lse) add("lse");
  if (non_causal) add("non-causal");
  if (per_sequence_causal) add("causal per sequence");
  if (batch_invariant) add("batch invariant");
  return text;
}

bool check_config(const LayerConfig& config, Reasons* reasons) {
  const bool incomplete =
      config.num_query_heads == 0 || config.head_size == 0 || config.query_type == FOVEA_DATA_TYPE_NONE;
  if (config.num_query_heads == 0) {
    reasons->add(FOVEA_REASON_INCOMPLETE_CONFIG, "config incomplete: no heads (foveaConfigSetHeads)");
  }
  if (config.head_size == 0) {
    reasons->add(FOVEA_REASON_INCOMPLETE_CONFIG, "config incomplete: no head_size (foveaConfigSetHeadSizes)");
  }
  if (config.query_type == FOVEA_DATA_TYPE_NONE) {
    reasons->add(FOVEA_REASON_INCOMPLETE_CONFIG, "config incomplete: no query data type (foveaConfigSetDataTypes)");
  }

  const auto contradiction = [reasons](const char* sentence) {
    reasons->add(FOVEA_REASON_CONTRADICTION, "contradiction: %s", sentence);
  };
  if (config.attention_type == FOVEA_ATTENTION_ENCODER_DECODER) {
    if (config.window_left >= 0 || config.window_right >= 0) {
      contradiction("a sliding window on encoder-decoder attention, whose queries have no position among the keys");
    }
    if (config.alibi != FOVEA_ALIBI_NONE) {
      contradiction("alibi on encoder-decoder attention, whose queries have no position among the keys");
    }
    if (config.prefix_ranges != FOVEA_PREFIX_RANGES_NONE) {
      contradiction("prefix ranges on encoder-decoder attention, whose queries have no position among the keys");
    }
  }
  if (config.per_sequence_causal) {
    if (config.attention_type != FOVEA_ATTENTION_DECODER) {
      contradiction("causal flags per sequence on attention that is never causal");
    } else if (!config.non_causal) {
      contradiction("causal flags per sequence without foveaConfigSetNonCausal(config, 1)");
    }
  }
  if (config.kv_scales != FOVEA_KV_SCALES_NONE) {
    if (!config.has_cache()) {
      contradiction("KV scales on encoder attention, which has no cache");
    } else if (config.query_type != FOVEA_DATA_TYPE_NONE && !is_fp8(config.cache_type())) {
      contradiction("KV scales on a cache that is not fp8");
    }
  }
  return !incomplete;
}

foveaStatus_t Config::set_heads(int32_t num_query_heads, int32_t num_kv_heads) {
  FOVEA_REQUIRE_ARGUMENT(num_kv_heads >= 1, "num_kv_heads: %d, expected at least 1", num_kv_heads);
  FOVEA_REQUIRE_ARGUMENT(num_query_heads >= 1 && num_query_heads <= kMaxQueryHeads,
                         "num_query_heads: %d, expected 1 to %d", num_query_heads, kMaxQueryHeads);
  FOVEA_REQUIRE_ARGUMENT(num_query_heads % num_kv_heads == 0,
                         "num_query_heads: %d, expected a multiple of num_kv_heads (%d)", num_query_heads,
                         num_kv_heads);
  layer_.num_query_heads = num_query_heads;
  layer_.num_kv_heads = num_kv_heads;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Config::set_head_sizes(int32_t head_size, int32_t head_size_v) {
  FOVEA_REQUIRE_ARGUMENT(head_size >= 1, "head_size: %d, expected at least 1", head_size);
  FOVEA_REQUIRE_ARGUMENT(head_size_v >= 0, "head_size_v: %d, expected at least 1, or 0 for the same as head_size",
                         head_size_v);
  layer_.head_size = head_size;
  layer_.head_size_v = head_size_v;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Config::set_data_types(foveaDataType_t query, foveaDataType_t kv_cache, foveaDataType_t output) {
  FOVEA_REQUIRE_ARGUMENT(is_data_type(query) && query != FOVEA_DATA_TYPE_NONE, "query: %d is not a data type",
                         static_cast<int>(query));
  FOVEA_REQUIRE_ARGUMENT(is_data_type(kv_cache), "kv_cache: %d is not a data type", static_cast<int>(kv_cache));
  FOVEA_REQUIRE_ARGUMENT(is_data_type(output), "output: %d is not a data type", static_cast<int>(output));
  layer_.query_type = query;
  layer_.kv_cache_type = kv_cache;
  layer_.output_type = output;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Config::set_scale(float scale) {
  FOVEA_REQUIRE_ARGUMENT(std::isfinite(scale) && scale >= 0,
                         "scale: %g, expected a finite number above 0, or 0 for the default",
                         static_cast<double>(scale));
  layer_.scale = scale;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Config::set_sliding_window(int32_t left, int32_t right) {
  FOVEA_REQUIRE_ARGUMENT(left >= -1, "left: %d, expected 0 or more, or -1 for an open side", left);
  FOVEA_REQUIRE_ARGUMENT(right >= -1, "right: %d, expected 0 or more, or -1 for an open side", right);
  layer_.window_left = left;
  layer_.window_right = right;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Config::set_logits_soft_cap(float cap) {
  FOVEA_REQUIRE_ARGUMENT(std::isfinite(cap) && cap >= 0, "cap: %g, expected a finite number above 0, or 0 for none",
                         static_cast<double>(cap));
  layer_.softcap = cap;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Config::set_alibi(foveaAlibi_t alibi) {
  FOVEA_REQUIRE_ARGUMENT(alibi >= FOVEA_ALIBI_NONE && alibi <= FOVEA_ALIBI_SQRT, "alibi: %d is not a foveaAlibi_t",
                         static_cast<int>(alibi));
  layer_.alibi = alibi;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Config::set_prefix_ranges(foveaPrefixRanges_t kind) {
  FOVEA_REQUIRE_ARGUMENT(kind >= FOVEA_PREFIX_RANGES_NONE && kind <= FOVEA_PREFIX_RANGES_WINDOWED,
                         "kind: %d is not a foveaPrefixRanges_t", static_cast<int>(kind));
  layer_.prefix_ranges = kind;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Config::set_attention_type(foveaAttentionType_t type) {
  FOVEA_REQUIRE_ARGUMENT(type >= FOVEA_ATTENTION_DECODER && type <= FOVEA_ATTENTION_ENCODER_DECODER,
                         "type: %d is not a foveaAttentionType_t", static_cast<int>(type));
  layer_.attention_type = type;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Config::set_kv_cache_layout(foveaKvCacheLayout_t layout, int32_t block_size) {
  FOVEA_REQUIRE_ARGUMENT(layout >= FOVEA_KV_CACHE_LAYOUT_STRIDED && layout <= FOVEA_KV_CACHE_LAYOUT_VECTORIZED,
                         "layout: %d is not a foveaKvCacheLayout_t", static_cast<int>(layout));
  FOVEA_REQUIRE_ARGUMENT(block_size >= 1, "block_size: %d, expected at least 1", block_size);
  layer_.layout = layout;
  layer_.block_size = block_size;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Config::set_kv_scales(foveaKvScales_t granularity) {
  FOVEA_REQUIRE_ARGUMENT(granularity >= FOVEA_KV_SCALES_NONE && granularity <= FOVEA_KV_SCALES_PER_HEAD,
                         "granularity: %d is not a foveaKvScales_t", static_cast<int>(granularity));
  layer_.kv_scales = granularity;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Config::set_flag(int32_t enable, bool* flag) {
  FOVEA_REQUIRE_ARGUMENT(enable == 0 || enable == 1, "enable: %d, expected 0 or 1", enable);
  *flag = enable == 1;
  return FOVEA_STATUS_SUCCESS;
}

}  // namespace fovea
