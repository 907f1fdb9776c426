// What the module's backends claim to compute, the same on every architecture; what one of them lacks is check_layer's
// to say.
#pragma once

#include "kernels/hip/module/enumerators.h"
#include "kernels/hip/module/module_abi.h"

namespace fovea::hip {

inline constexpr int32_t kNumClaims = 2;
// What ROCM_UNIFIED_ATTN leaves to ROCM_ATTN: one kernel for causal rows, over the strided cache.
inline constexpr uint64_t kNotUnified =
    uint64_t{1} << kCapNonCausal | uint64_t{1} << kCapPerSequenceCausal | uint64_t{1} << kCapSlidingWindowRight |
    uint64_t{1} << kCapPrefixRanges | uint64_t{1} << kCapVectorizedKvCache | uint64_t{1} << kCapBatchInvariance |
    uint64_t{1} << kCapEncoder | uint64_t{1} << kCapEncoderDecoder;

extern const FoveaModuleClaims kModuleClaims[kNumClaims];

}  // namespace fovea::hip
