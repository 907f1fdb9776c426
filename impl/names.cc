#include "impl/names.h"

namespace fovea {
namespace {

template <size_t N>
const char* look_up(const char* const (&names)[N], int64_t value, const char* otherwise) {
  return value >= 0 && value < static_cast<int64_t>(N) ? names[value] : otherwise;
}

}  // namespace

const char* status_name(foveaStatus_t status) noexcept {
  static constexpr const char* kNames[] = {
      "FOVEA_STATUS_SUCCESS",
      "FOVEA_STATUS_INVALID_ARGUMENT",
      "FOVEA_STATUS_NOT_SUPPORTED",
      "FOVEA_STATUS_INVALID_STATE",
      "FOVEA_STATUS_WORKSPACE_TOO_SMALL",
      "FOVEA_STATUS_OUT_OF_MEMORY",
      "FOVEA_STATUS_DEVICE_OUT_OF_MEMORY",
      "FOVEA_STATUS_NO_DEVICE",
      "FOVEA_STATUS_ARCH_MISMATCH",
      "FOVEA_STATUS_BACKEND_UNAVAILABLE",
      "FOVEA_STATUS_DEVICE_ERROR",
      "FOVEA_STATUS_VERSION_MISMATCH",
      "FOVEA_STATUS_INTERNAL_ERROR",
  };
  return look_up(kNames, status, "FOVEA_STATUS_UNKNOWN");
}

const char* status_string(foveaStatus_t status) noexcept {
  static constexpr const char* kNames[] = {
      "success",       "invalid argument",     "not supported",  "invalid state",         "workspace too small",
      "out of memory", "device out of memory", "no device",      "architecture mismatch", "backend unavailable",
      "device error",  "version mismatch",     "internal error",
  };
  return look_up(kNames, status, "unknown status");
}

const char* data_type_name(foveaDataType_t type) noexcept {
  static constexpr const char* kNames[] = {"none", "f32", "f16", "bf16", "f8_e4m3fn", "f8_e4m3fnuz", "f8_e5m2"};
  return look_up(kNames, type, "unknown");
}

size_t data_type_size(foveaDataType_t type) noexcept {
  switch (type) {
    case FOVEA_DATA_TYPE_F32:
      return 4;
    case FOVEA_DATA_TYPE_F16:
    case FOVEA_DATA_TYPE_BF16:
      return 2;
    case FOVEA_DATA_TYPE_F8_E4M3FN:
    case FOVEA_DATA_TYPE_F8_E4M3FNUZ:
    case FOVEA_DATA_TYPE_F8_E5M2:
      return 1;
    default:
      return 0;
  }
}

const char* capability_name(foveaCapability_t capability) noexcept {
  static constexpr const char* kNames[] = {
      "non_causal",
      "per_sequence_causal",
      "sliding_window",
      "sliding_window_right",
      "prefix_ranges",
      "logits_soft_cap",
      "alibi",
      "alibi_sqrt",
      "sinks",
      "lse",
      "partial_state",
      "fp8_kv_cache",
      "fp8_query",
      "fp8_output",
      "per_head_kv_scales",
      "vectorized_kv_cache",
      "different_v_size",
      "batch_invariance",
      "graph_capture",
      "decoder",
      "encoder",
      "encoder_decoder",
  };
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == FOVEA_CAPABILITY_COUNT);
  return look_up(kNames, capability, "unknown");
}

const char* attention_type_name(foveaAttentionType_t type) noexcept {
  static constexpr const char* kNames[] = {"decoder", "encoder", "encoder-decoder"};
  return look_up(kNames, type, "unknown");
}

const char* layout_name(foveaKvCacheLayout_t layout) noexcept {
  static constexpr const char* kNames[] = {"strided", "vectorized"};
  return look_up(kNames, layout, "unknown");
}

const char* alibi_name(foveaAlibi_t alibi) noexcept {
  static constexpr const char* kNames[] = {"none", "linear", "sqrt"};
  return look_up(kNames, alibi, "unknown");
}

const char* prefix_ranges_name(foveaPrefixRanges_t kind) noexcept {
  static constexpr const char* kNames[] = {"none", "full", "windowed"};
  return look_up(kNames, kind, "unknown");
}

const char* kv_scales_name(foveaKvScales_t granularity) noexcept {
  static constexpr const char* kNames[] = {"none", "per tensor", "per head"};
  return look_up(kNames, granularity, "unknown");
}

const char* device_name(foveaDevice_t device) noexcept {
  static constexpr const char* kNames[] = {"AUTO", "CPU", "GPU", "AMD", "NVIDIA"};
  return look_up(kNames, device, "unknown");
}

}  // namespace fovea
