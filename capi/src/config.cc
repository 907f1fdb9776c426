#include "impl/config.h"

#include "capi/src/guard.h"

using namespace fovea;
using namespace fovea::capi;

namespace {

// Setters never throw: they write numbers.
template <class... Parameters, class... Arguments>
foveaStatus_t set(foveaConfig_t config, foveaStatus_t (Config::*setter)(Parameters...), Arguments... arguments) {
  Config* object = nullptr;
  FOVEA_TRY(open(config, "config", &object));
  return (object->*setter)(arguments...);
}

}  // namespace

foveaStatus_t foveaConfigCreate(foveaConfig_t* config) {
  return guarded([&] {
    FOVEA_TRY(check_out(config, "config"));
    *config = to_handle<foveaConfig_t>(new Config());
    return FOVEA_STATUS_SUCCESS;
  });
}

void foveaConfigDestroy(foveaConfig_t config) { drop<Config>(config); }

foveaStatus_t foveaConfigSetHeads(foveaConfig_t config, int32_t num_query_heads, int32_t num_kv_heads) {
  return set(config, &Config::set_heads, num_query_heads, num_kv_heads);
}

foveaStatus_t foveaConfigSetHeadSizes(foveaConfig_t config, int32_t head_size, int32_t head_size_v) {
  return set(config, &Config::set_head_sizes, head_size, head_size_v);
}

foveaStatus_t foveaConfigSetDataTypes(foveaConfig_t config, foveaDataType_t query, foveaDataType_t kv_cache,
                                      foveaDataType_t output) {
  return set(config, &Config::set_data_types, query, kv_cache, output);
}

foveaStatus_t foveaConfigSetScale(foveaConfig_t config, float scale) { return set(config, &Config::set_scale, scale); }

foveaStatus_t foveaConfigSetSlidingWindow(foveaConfig_t config, int32_t left, int32_t right) {
  return set(config, &Config::set_sliding_window, left, right);
}

foveaStatus_t foveaConfigSetLogitsSoftCap(foveaConfig_t config, float cap) {
  return set(config, &Config::set_logits_soft_cap, cap);
}

foveaStatus_t foveaConfigSetAlibi(foveaConfig_t config, foveaAlibi_t alibi) {
  return set(config, &Config::set_alibi, alibi);
}

foveaStatus_t foveaConfigSetSinks(foveaConfig_t config, int32_t enable) {
  return set(config, &Config::set_sinks, enable);
}

foveaStatus_t foveaConfigSetLse(foveaConfig_t config, int32_t enable) { return set(config, &Config::set_lse, enable); }

foveaStatus_t foveaConfigSetPrefixRanges(foveaConfig_t config, foveaPrefixRanges_t kind) {
  return set(config, &Config::set_prefix_ranges, kind);
}

foveaStatus_t foveaConfigSetPerSequenceCausal(foveaConfig_t config, int32_t enable) {
  return set(config, &Config::set_per_sequence_causal, enable);
}

foveaStatus_t foveaConfigSetAttentionType(foveaConfig_t config, foveaAttentionType_t type) {
  return set(config, &Config::set_attention_type, type);
}

foveaStatus_t foveaConfigSetNonCausal(foveaConfig_t config, int32_t enable) {
  return set(config, &Config::set_non_causal, enable);
}

foveaStatus_t foveaConfigSetKvCacheLayout(foveaConfig_t config, foveaKvCacheLayout_t layout, int32_t block_size) {
  return set(config, &Config::set_kv_cache_layout, layout, block_size);
}

foveaStatus_t foveaConfigSetKvScales(foveaConfig_t config, foveaKvScales_t granularity) {
  return set(config, &Config::set_kv_scales, granularity);
}

foveaStatus_t foveaConfigSetBatchInvariant(foveaConfig_t config, int32_t enable) {
  return set(config, &Config::set_batch_invariant, enable);
}
