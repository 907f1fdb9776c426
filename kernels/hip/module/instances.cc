#include "kernels/hip/module/instances.h"

#include <cstring>

#include "kernels/hip/device/shapes_amd.h"
#include "kernels/hip/device/shapes_nvidia.h"

// The compiler of the kernels defines a host symbol of the same name for each, whose address the runtime knows.
#define FOVEA_VARIANTS(X, NAME) X(NAME) X(NAME##_features) X(NAME##_fp8) X(NAME##_fp8_features)
#define FOVEA_KINDS(X, TYPE, SIZE)                         \
  FOVEA_VARIANTS(X, fovea_attention_##TYPE##_##SIZE##_small)  \
  FOVEA_VARIANTS(X, fovea_attention_##TYPE##_##SIZE##_medium) \
  FOVEA_VARIANTS(X, fovea_attention_##TYPE##_##SIZE##_large)
#define FOVEA_SIZES(X, TYPE) \
  FOVEA_KINDS(X, TYPE, 64) FOVEA_KINDS(X, TYPE, 96) FOVEA_KINDS(X, TYPE, 128) FOVEA_KINDS(X, TYPE, 192) FOVEA_KINDS(X, TYPE, 256)

#define FOVEA_DECLARE(NAME) void NAME();
extern "C" {
FOVEA_SIZES(FOVEA_DECLARE, f16)
FOVEA_SIZES(FOVEA_DECLARE, bf16)
FOVEA_DECLARE(fovea_plan)
FOVEA_DECLARE(fovea_split_merge)
FOVEA_DECLARE(fovea_state_merge)
FOVEA_DECLARE(fovea_write)
}

namespace fovea::hip {
namespace {

constexpr int kNumBuckets = sizeof(kHeadSizeBuckets) / sizeof(kHeadSizeBuckets[0]);

// Constants of the kernels' sources, which the host's compiler cannot read.
constexpr int kPlanThreads = 1024;
constexpr int kPlanLdsBytes = 10240;
constexpr int kMergeThreads = 128;
constexpr int kStateMergeThreads = 256;
constexpr int kWriteThreads = 256;

const void* address(void (*kernel)()) { return reinterpret_cast<const void*>(kernel); }

}  // namespace

const void* attention_kernel(ComputeType type, int head_size_bucket, WorkKind kind, bool fp8, bool features) {
#define FOVEA_ADDRESS(NAME) address(NAME),
  // By compute type; head size, kind, fp8 cache and features.
  static const void* const kernels[kNumComputeTypes][kNumBuckets * kNumKinds * 4] = {{FOVEA_SIZES(FOVEA_ADDRESS, f16)},
                                                                                    {FOVEA_SIZES(FOVEA_ADDRESS, bf16)}};
  int bucket = 0;
  while (kHeadSizeBuckets[bucket] != head_size_bucket) ++bucket;
  return kernels[type][(bucket * kNumKinds + kind) * 4 + (fp8 ? 2 : 0) + (features ? 1 : 0)];
}

TileSizes attention_sizes(const char* architecture, int head_size_bucket, WorkKind kind, bool fp8) {
  const auto sizes = [&](auto shapes) {
    return tile_sizes(shapes.of(head_size_bucket, kind, fp8), shapes.kWaveSize, head_size_bucket, kind, fp8);
  };
#ifdef FOVEA_CUDA_WGMMA
  if (strcmp(architecture, "sm_90") == 0) return sizes(HopperShapes());
#endif
  if (strncmp(architecture, "sm_", 3) == 0) return sizes(NvidiaShapes());
  if (strncmp(architecture, "gfx95", 5) == 0) return sizes(Gfx950Shapes());
  if (strncmp(architecture, "gfx9", 4) == 0) return sizes(CdnaShapes());
  return sizes(RdnaShapes());
}

SupportKernel plan_kernel() { return {address(fovea_plan), kPlanThreads, kPlanLdsBytes}; }
SupportKernel split_merge_kernel() { return {address(fovea_split_merge), kMergeThreads, 0}; }
SupportKernel state_merge_kernel() { return {address(fovea_state_merge), kStateMergeThreads, 0}; }
SupportKernel write_kernel() { return {address(fovea_write), kWriteThreads, 0}; }

}  // namespace fovea::hip
