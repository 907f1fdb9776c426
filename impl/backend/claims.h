// What a backend claims to compute. The queries of the C API, the check of a configuration and the documentation all
// read this one table, so they cannot disagree.
#pragma once

#include "fovea/fovea.h"
#include "impl/config.h"

namespace fovea {

struct Bounds {
  int32_t min;
  int32_t max;
  int32_t multiple_of;
  int32_t count;  // 0, or the number of values that are taken at all
  int32_t values[32];

  bool contains(int32_t value) const;
};

inline constexpr int32_t kRoles = 3;
inline constexpr int32_t kBoundsAttributes = 4;

struct Claims {
  uint64_t capabilities;             // bit foveaCapability_t
  uint32_t data_types[kRoles];       // by foveaDataTypeRole_t, bit foveaDataType_t
  Bounds bounds[kBoundsAttributes];  // by foveaBoundsAttribute_t

  bool has(foveaCapability_t capability) const { return (capabilities >> capability & 1) != 0; }
  bool takes(foveaDataTypeRole_t role, foveaDataType_t type) const { return (data_types[role] >> type & 1) != 0; }
};

// Compares a complete configuration with the claims and adds every reason against it.
void check_claims(const LayerConfig& config, const Claims& claims, Reasons* reasons);

}  // namespace fovea
