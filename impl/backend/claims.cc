#include "impl/backend/claims.h"

#include <string>

#include "impl/names.h"

namespace fovea {
namespace {

// `words` begin the sentence, as engines know it; `what` names the quantity.
void check_bounds(const Bounds& bounds, const char* what, int32_t value, foveaReason_t code, const char* words,
                  Reasons* reasons) {
  if (bounds.contains(value)) return;
  if (value < bounds.min) {
    reasons->add(code, "%s not supported: %s %d is below %d", words, what, value, bounds.min);
  } else if (value > bounds.max) {
    reasons->add(code, "%s not supported: %s %d is above %d", words, what, value, bounds.max);
  } else if (value % bounds.multiple_of != 0) {
    reasons->add(code, "%s not supported: %s %d is not a multiple of %d", words, what, value, bounds.multiple_of);
  } else {
    std::string list;
    for (int32_t i = 0; i < bounds.count; ++i) list += (i > 0 ? ", " : "") + std::to_string(bounds.values[i]);
    reasons->add(code, "%s not supported: %s %d is none of %s", words, what, value, list.c_str());
  }
}

}  // namespace

bool Bounds::contains(int32_t value) const {
  if (value < min || value > max || value % multiple_of != 0) return false;
  if (count == 0) return true;
  for (int32_t i = 0; i < count; ++i) {
    if (values[i] == value) return true;
  }
  return false;
}

void check_claims(const LayerConfig& config, const Claims& claims, Reasons* reasons) {
  const auto require = [&](bool asked, foveaCapability_t capability, foveaReason_t code, const char* sentence) {
    if (asked && !claims.has(capability)) reasons->add(code, "%s", sentence);
  };

  check_bounds(claims.bounds[FOVEA_BOUNDS_HEAD_SIZE], "head_size", config.head_size, FOVEA_REASON_HEAD_SIZE,
               "head_size", reasons);
  if (config.value_size() != config.head_size) {
    check_bounds(claims.bounds[FOVEA_BOUNDS_HEAD_SIZE_V], "head_size_v", config.value_size(), FOVEA_REASON_HEAD_SIZE,
                 "head_size", reasons);
    if (!claims.has(FOVEA_CAPABILITY_DIFFERENT_V_SIZE)) {
      reasons->add(FOVEA_REASON_HEAD_SIZE, "head_size not supported: head_size_v %d differs from head_size %d",
                   config.value_size(), config.head_size);
    }
  }
  if (!claims.takes(FOVEA_ROLE_QUERY, config.query_type)) {
    reasons->add(FOVEA_REASON_DATA_TYPE, "dtype not supported: query %s", data_type_name(config.query_type));
  }
  if (config.has_cache()) {
    if (!claims.takes(FOVEA_ROLE_KV_CACHE, config.cache_type())) {
      reasons->add(FOVEA_REASON_KV_CACHE_DATA_TYPE, "kv_cache_dtype not supported: %s",
                   data_type_name(config.cache_type()));
    }
    check_bounds(claims.bounds[FOVEA_BOUNDS_BLOCK_SIZE], "block_size", config.block_size, FOVEA_REASON_BLOCK_SIZE,
                 "block_size", reasons);
    if (config.layout == FOVEA_KV_CACHE_LAYOUT_VECTORIZED) {
      require(true, FOVEA_CAPABILITY_VECTORIZED_KV_CACHE, FOVEA_REASON_KV_CACHE_LAYOUT,
              "kv_cache layout not supported: vectorized");
      const size_t size = data_type_size(config.cache_type());
      if (const auto x = static_cast<int32_t>(16 / size); config.head_size % x != 0) {
        reasons->add(
            FOVEA_REASON_KV_CACHE_LAYOUT,
            "kv_cache layout not supported: vectorized with %s needs a head_size that is a multiple of %d, not %d",
            data_type_name(config.cache_type()), x, config.head_size);
      }
    }
  }
  require(config.prefix_ranges != FOVEA_PREFIX_RANGES_NONE, FOVEA_CAPABILITY_PREFIX_RANGES, FOVEA_REASON_PREFIX_RANGES,
          "partial multimodal token full attention not supported");
  require(config.sinks, FOVEA_CAPABILITY_SINKS, FOVEA_REASON_SINKS, "attention sinks not supported");
  require(config.kv_scales == FOVEA_KV_SCALES_PER_HEAD, FOVEA_CAPABILITY_PER_HEAD_KV_SCALES,
          FOVEA_REASON_PER_HEAD_KV_SCALES, "per-head quant scales not supported");
  static constexpr foveaCapability_t kOfType[] = {FOVEA_CAPABILITY_DECODER, FOVEA_CAPABILITY_ENCODER,
                                                  FOVEA_CAPABILITY_ENCODER_DECODER};
  if (!claims.has(kOfType[config.attention_type])) {
    reasons->add(FOVEA_REASON_ATTENTION_TYPE, "attention type %s not supported",
                 attention_type_name(config.attention_type));
  }
  require(config.window_left >= 0, FOVEA_CAPABILITY_SLIDING_WINDOW, FOVEA_REASON_SLIDING_WINDOW,
          "sliding window not supported");
  require(config.effective_window_right() >= 0, FOVEA_CAPABILITY_SLIDING_WINDOW_RIGHT, FOVEA_REASON_SLIDING_WINDOW,
          "sliding window not supported: right side");
  require(config.non_causal, FOVEA_CAPABILITY_NON_CAUSAL, FOVEA_REASON_NON_CAUSAL,
          "non-causal attention not supported");
  require(config.batch_invariant, FOVEA_CAPABILITY_BATCH_INVARIANCE, FOVEA_REASON_BATCH_INVARIANCE,
          "batch invariance not supported");
  require(config.softcap > 0, FOVEA_CAPABILITY_LOGITS_SOFT_CAP, FOVEA_REASON_LOGITS_SOFT_CAP,
          "logits soft cap not supported");
  require(config.alibi == FOVEA_ALIBI_LINEAR, FOVEA_CAPABILITY_ALIBI, FOVEA_REASON_ALIBI, "alibi not supported");
  require(config.alibi == FOVEA_ALIBI_SQRT, FOVEA_CAPABILITY_ALIBI_SQRT, FOVEA_REASON_ALIBI,
          "alibi not supported: square-root form");
  require(config.lse, FOVEA_CAPABILITY_LSE, FOVEA_REASON_LSE, "lse output not supported");
  require(config.per_sequence_causal, FOVEA_CAPABILITY_PER_SEQUENCE_CAUSAL, FOVEA_REASON_PER_SEQUENCE_CAUSAL,
          "per-sequence causal not supported");
  check_bounds(claims.bounds[FOVEA_BOUNDS_QUERY_HEADS_PER_KV_HEAD], "query heads per KV head",
               config.num_query_heads / config.num_kv_heads, FOVEA_REASON_HEADS, "number of heads", reasons);
  if (!claims.takes(FOVEA_ROLE_OUTPUT, config.result_type())) {
    reasons->add(FOVEA_REASON_OUTPUT_DATA_TYPE, "output dtype not supported: %s", data_type_name(config.result_type()));
  }
}

}  // namespace fovea
