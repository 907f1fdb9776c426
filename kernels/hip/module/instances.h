// The kernels of the module by what they are compiled for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/hip/device/shapes.h"
#include "kernels/hip/kernel_params.h"

namespace fovea::hip {

// Compute types: of the matrix products and the softmax weights.
enum ComputeType : int32_t { kComputeF16 = 0, kComputeBF16 = 1, kComputeF32 = 2 };
inline constexpr int kNum16BitTypes = 2;

inline constexpr int kHeadSizeBuckets[] = {64, 96, 128, 192, 256};
inline constexpr int kUnifiedHeadSizeBuckets[] = {64, 128, 256};

// A kernel by its address on the host, and what it is launched with.
struct LaunchShape {
  const void* function;
  int threads;
  int lds_bytes;
};

// On an architecture ("gfx942", "sm_90"). fp8: of the cache, not with f32, whose kernels have all features.
LaunchShape attention_kernel(const char* architecture, ComputeType type, int head_size_bucket, WorkKind kind, bool fp8, bool features);
// The kernel of all kinds from the smallest one; not of f32.
LaunchShape unified_kernel(const char* architecture, ComputeType type, int head_size_bucket, bool fp8, bool features);
UnifiedSizes unified_sizes(const char* architecture, int head_size_bucket, bool fp8);

LaunchShape plan_kernel();
LaunchShape split_merge_kernel();
LaunchShape state_merge_kernel();
LaunchShape write_kernel();
inline constexpr int kRowsOfSplitMerge = 4;  // packed rows of one workgroup

}  // namespace fovea::hip
