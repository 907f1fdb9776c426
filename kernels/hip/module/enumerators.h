// The public header's enumerators that cross the module's table as numbers. Kernels do not see that header; the core
// asserts that the two agree (impl/backend/rocm_attn.cc).
#pragma once

#include <cstdint>

namespace fovea::hip {

// foveaStatus_t
enum Status : int32_t {
  kSuccess = 0,
  kInvalidArgument = 1,
  kNotSupported = 2,
  kInvalidState = 3,
  kWorkspaceTooSmall = 4,
  kOutOfMemory = 5,
  kDeviceOutOfMemory = 6,
  kNoDevice = 7,
  kArchMismatch = 8,
  kDeviceError = 10,
  kInternalError = 12,
};

// foveaDataType_t
enum DataTypeNumber : int32_t {
  kTypeNone = 0,
  kTypeF32 = 1,
  kTypeF16 = 2,
  kTypeBF16 = 3,
  kTypeE4M3FN = 4,
  kTypeE4M3FNUZ = 5,
  kTypeE5M2 = 6,
};

// foveaBackend_t
inline constexpr int32_t kBackendRocmAttn = 1;
inline constexpr int32_t kBackendRocmUnifiedAttn = 2;

// foveaAttentionType_t, foveaKvCacheLayout_t, foveaAlibi_t, foveaPrefixRanges_t, foveaKvScales_t
enum AttentionTypeNumber : int32_t { kDecoder = 0, kEncoder = 1, kEncoderDecoder = 2 };
enum CacheLayoutNumber : int32_t { kLayoutStrided = 0, kLayoutVectorized = 1 };
enum AlibiNumber : int32_t { kAlibiNone = 0, kAlibiLinear = 1, kAlibiSqrt = 2 };
enum PrefixRangesNumber : int32_t { kRangesNone = 0, kRangesFull = 1, kRangesWindowed = 2 };
enum KvScalesNumber : int32_t { kScalesNone = 0, kScalesPerTensor = 1, kScalesPerHead = 2 };

// foveaForwardFlag_t
inline constexpr uint32_t kFlagPartialState = 1;

// foveaCapability_t
enum Capability : int32_t {
  kCapNonCausal = 0,
  kCapPerSequenceCausal = 1,
  kCapSlidingWindow = 2,
  kCapSlidingWindowRight = 3,
  kCapPrefixRanges = 4,
  kCapLogitsSoftCap = 5,
  kCapAlibi = 6,
  kCapAlibiSqrt = 7,
  kCapSinks = 8,
  kCapLse = 9,
  kCapPartialState = 10,
  kCapFp8KvCache = 11,
  kCapFp8Query = 12,
  kCapFp8Output = 13,
  kCapPerHeadKvScales = 14,
  kCapVectorizedKvCache = 15,
  kCapDifferentVSize = 16,
  kCapBatchInvariance = 17,
  kCapGraphCapture = 18,
  kCapDecoder = 19,
  kCapEncoder = 20,
  kCapEncoderDecoder = 21,
};
inline constexpr int32_t kCapCount = 22;

// foveaDataTypeRole_t
enum Role : int32_t { kRoleQuery = 0, kRoleKvCache = 1, kRoleOutput = 2 };

// foveaBoundsAttribute_t
enum BoundsAttribute : int32_t {
  kBoundsHeadSize = 0,
  kBoundsHeadSizeV = 1,
  kBoundsBlockSize = 2,
  kBoundsQueryHeadsPerKvHead = 3,
};

// foveaReason_t
enum Reason : int32_t {
  kReasonHeadSize = 1,
  kReasonDataType = 2,
  kReasonKvCacheDataType = 3,
  kReasonBlockSize = 4,
  kReasonPrefixRanges = 5,
  kReasonSinks = 6,
  kReasonPerHeadKvScales = 7,
  kReasonArchitecture = 8,
  kReasonAttentionType = 9,
  kReasonSlidingWindow = 10,
  kReasonNonCausal = 11,
  kReasonBatchInvariance = 12,
  kReasonLogitsSoftCap = 13,
  kReasonAlibi = 14,
  kReasonLse = 15,
  kReasonPerSequenceCausal = 16,
  kReasonKvCacheLayout = 17,
  kReasonHeads = 18,
  kReasonOutputDataType = 19,
};

}  // namespace fovea::hip
