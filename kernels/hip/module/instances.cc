#include "kernels/hip/module/instances.h"

#include <algorithm>
#include <cstring>
#include <iterator>

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

#define FOVEA_UNIFIED_SIZES(X, TYPE)         \
  FOVEA_VARIANTS(X, fovea_unified_##TYPE##_64)  \
  FOVEA_VARIANTS(X, fovea_unified_##TYPE##_128) \
  FOVEA_VARIANTS(X, fovea_unified_##TYPE##_256)
// f32 in one variant.
#define FOVEA_F32_KINDS(X, SIZE) \
  X(fovea_attention_f32_##SIZE##_small_features) X(fovea_attention_f32_##SIZE##_medium_features) X(fovea_attention_f32_##SIZE##_large_features)
#define FOVEA_F32_SIZES(X) \
  FOVEA_F32_KINDS(X, 64) FOVEA_F32_KINDS(X, 96) FOVEA_F32_KINDS(X, 128) FOVEA_F32_KINDS(X, 192) FOVEA_F32_KINDS(X, 256)

#define FOVEA_DECLARE(NAME) void NAME();
extern "C" {
FOVEA_SIZES(FOVEA_DECLARE, f16)
FOVEA_SIZES(FOVEA_DECLARE, bf16)
FOVEA_UNIFIED_SIZES(FOVEA_DECLARE, f16)
FOVEA_UNIFIED_SIZES(FOVEA_DECLARE, bf16)
FOVEA_F32_SIZES(FOVEA_DECLARE)
FOVEA_DECLARE(fovea_plan)
FOVEA_DECLARE(fovea_split_merge)
FOVEA_DECLARE(fovea_state_merge)
FOVEA_DECLARE(fovea_write)
}

namespace fovea::hip {
namespace {

constexpr int kNumBuckets = std::size(kHeadSizeBuckets);
constexpr int kNumUnifiedBuckets = std::size(kUnifiedHeadSizeBuckets);

// Constants of the kernels' sources, which the host's compiler cannot read.
constexpr int kPlanThreads = 1024;
constexpr int kPlanLdsBytes = 12288;
constexpr int kMergeThreads = 128;
constexpr int kStateMergeThreads = 256;
constexpr int kWriteThreads = 256;

const void* address(void (*kernel)()) { return reinterpret_cast<const void*>(kernel); }

template <size_t N>
int place_of(int size, const int (&buckets)[N]) {
  return static_cast<int>(std::find(std::begin(buckets), std::end(buckets), size) - std::begin(buckets));
}

// Calls f with the tiles of an architecture.
template <class F>
auto with_shapes(const char* architecture, F f) {
#ifdef FOVEA_CUDA_WGMMA
  if (strcmp(architecture, "sm_90") == 0) return f(HopperShapes());
#endif
  if (strncmp(architecture, "sm_", 3) == 0) return f(NvidiaShapes());
  if (strncmp(architecture, "gfx95", 5) == 0) return f(Gfx950Shapes());
  if (strncmp(architecture, "gfx9", 4) == 0) return f(CdnaShapes());
  if (strncmp(architecture, "gfx11", 5) == 0) return f(Rdna3Shapes());
  return f(Rdna4Shapes());
}

}  // namespace

#define FOVEA_ADDRESS(NAME) address(NAME),

LaunchShape attention_kernel(const char* architecture, ComputeType type, int head_size_bucket, WorkKind kind, bool fp8, bool features) {
  // By compute type; head size, kind, fp8 cache and features.
  static const void* const kernels[kNum16BitTypes][kNumBuckets * kNumKinds * 4] = {{FOVEA_SIZES(FOVEA_ADDRESS, f16)},
                                                                                  {FOVEA_SIZES(FOVEA_ADDRESS, bf16)}};
  static const void* const f32_kernels[kNumBuckets * kNumKinds] = {FOVEA_F32_SIZES(FOVEA_ADDRESS)};
  const bool f32 = type == kComputeF32;
  const TileSizes sizes = with_shapes(architecture, [&](auto shapes) {
    const TileShape shape = f32 ? shapes.of_f32(head_size_bucket, kind) : shapes.of(head_size_bucket, kind, fp8);
    return tile_sizes(shape, shapes.kWaveSize, head_size_bucket, kind, fp8);
  });
  const int place = place_of(head_size_bucket, kHeadSizeBuckets) * kNumKinds + kind;
  const void* kernel = f32 ? f32_kernels[place] : kernels[type][place * 4 + (fp8 ? 2 : 0) + (features ? 1 : 0)];
  return {kernel, sizes.threads, sizes.lds_bytes};
}

UnifiedSizes unified_sizes(const char* architecture, int head_size_bucket, bool fp8) {
  return with_shapes(architecture, [&](auto shapes) { return unified_sizes<decltype(shapes)>(head_size_bucket, fp8); });
}

LaunchShape unified_kernel(const char* architecture, ComputeType type, int head_size_bucket, bool fp8, bool features) {
  static const void* const kernels[kNum16BitTypes][kNumUnifiedBuckets * 4] = {{FOVEA_UNIFIED_SIZES(FOVEA_ADDRESS, f16)},
                                                                             {FOVEA_UNIFIED_SIZES(FOVEA_ADDRESS, bf16)}};
  const UnifiedSizes sizes = unified_sizes(architecture, head_size_bucket, fp8);
  const int place = place_of(head_size_bucket, kUnifiedHeadSizeBuckets) * 4 + (fp8 ? 2 : 0) + (features ? 1 : 0);
  return {kernels[type][place], sizes.threads, sizes.lds_bytes};
}

LaunchShape plan_kernel() { return {address(fovea_plan), kPlanThreads, kPlanLdsBytes}; }
LaunchShape split_merge_kernel() { return {address(fovea_split_merge), kMergeThreads, 0}; }
LaunchShape state_merge_kernel() { return {address(fovea_state_merge), kStateMergeThreads, 0}; }
LaunchShape write_kernel() { return {address(fovea_write), kWriteThreads, 0}; }

}  // namespace fovea::hip
