// What the module claims to compute, the same on every architecture; what one of them lacks is check_layer's to say.
#pragma once

#include "kernels/hip/module/module_abi.h"

namespace fovea::hip {

inline constexpr int32_t kNumClaims = 1;
extern const FoveaModuleClaims kModuleClaims[kNumClaims];

}  // namespace fovea::hip
