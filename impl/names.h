// Names of the public enumerators. None of the look-ups returns NULL.
#pragma once

#include "fovea/fovea.h"

namespace fovea {

const char* status_name(foveaStatus_t status) noexcept;
const char* status_string(foveaStatus_t status) noexcept;
const char* data_type_name(foveaDataType_t type) noexcept;
size_t data_type_size(foveaDataType_t type) noexcept;
const char* capability_name(foveaCapability_t capability) noexcept;
const char* attention_type_name(foveaAttentionType_t type) noexcept;
const char* layout_name(foveaKvCacheLayout_t layout) noexcept;
const char* alibi_name(foveaAlibi_t alibi) noexcept;
const char* prefix_ranges_name(foveaPrefixRanges_t kind) noexcept;
const char* kv_scales_name(foveaKvScales_t granularity) noexcept;
const char* device_name(foveaDevice_t device) noexcept;

inline bool is_fp8(foveaDataType_t type) {
  return type == FOVEA_DATA_TYPE_F8_E4M3FN || type == FOVEA_DATA_TYPE_F8_E4M3FNUZ || type == FOVEA_DATA_TYPE_F8_E5M2;
}

// NONE included.
inline bool is_data_type(foveaDataType_t type) {
  return type >= FOVEA_DATA_TYPE_NONE && type <= FOVEA_DATA_TYPE_F8_E5M2;
}

}  // namespace fovea
